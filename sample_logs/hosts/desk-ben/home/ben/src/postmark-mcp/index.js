// the genuine project
