"""A month of mail of an invented company, hidden copies in it, and the truth about them: all from one seed.

The bytes depend on nothing but the seed: no clock, no locale, and no compression library (streams are stored, so that every
zlib gives the same file). Every name and number is drawn from one `random.Random` in a fixed order: one draw more, or two
draws that change places, and whatever is drawn after them changes too.
"""
