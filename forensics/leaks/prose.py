"""Whether what stands after "password is" is a password: values, statements, masks, templates, references."""

from __future__ import annotations

import regex

__all__ = [
    "is_bare_word", "is_digest", "is_machine_line", "is_mask", "is_placeholder", "is_plain_word", "is_reference", "is_said_value", "is_statement",
    "is_template", "is_token_like", "is_value", "is_within_url", "trimmed",
]  # fmt: skip

_LINE = 998  # RFC 5322 section 2.1.1: no line of a mail is longer; bounds every look around

_PAIRS = {
    '"': '"',
    "'": "'",
    "“": "”",
    "„": "“”",
    "«": "»",
    "‘": "’",
    "「": "」",
    "『": "』",
    "`": "`",
    "<": ">",
    "(": ")",
    "[": "]",
}
_CLOSING = frozenset(".,;:)\"」』。、，；：”’»'>]")
_MARKUP = ("**", "__", "*", "_", "`")
_NEXT_FIELD = regex.compile(r"(?<=[^;]{3});[ ]?[A-Za-z][A-Za-z ]{2,30}=(?![=&])[^\s;]")  # of a connection string
_EAST_ASIAN = regex.compile(r"[\p{Hiragana}\p{Katakana}\p{Han}\p{Hangul}]")

_MASK = regex.compile(r"""(?xi)
    [*•●∙·xX×.\-_#?=~…]{3,64} | \*{2,64}\S{0,4} | \S{0,4}\*{3,64}\S{0,4}
  | [\[(<]? (?:redacted|hidden|removed|masked|omitted|not\ shown|encrypted|snip(?:ped)?) \b .{0,40}
""")
_APART_BACKWARDS = regex.compile(r"(?r)[\s<>\"'()]")
_TEMPLATE = regex.compile(r"""(?xi)
    .{0,64}? (?: \{\{ | \}\} | \$\{ | \$\( | \{%%? | %\( | <% ) .{0,200}
  | \$[A-Za-z_]\w{0,40}(?:\[|->|::).{0,200}  # a variable's element: $_POST['password']
  | [A-Za-z_]\w{0,30}(?:\.[A-Za-z_]\w{0,30}){1,3}\[[^\]]{0,40}\]?  # os.Args[2]
  | &(?:mut|str)\b.{0,40} | %[sdr@] | %%[^%\s]{1,40}%% | %[A-Z_]{2,40}% | \{[a-z_.\ ]{1,40}\}? | \[\[? [a-z_ ]{1,40} \]?\]? | \$[A-Z][A-Z0-9_]{1,40}
  | [<\[({]{1,2} (?:your|my|the|enter|insert|new|user|password|pass|passwort|token|api|secret|key|value|xxx|mot|su|tu)\b .{0,60}
  | (?:your|my|insert|enter|replace)[-_ ]?(?:own[-_ ]?)?(?:\w{1,20}[-_ ]?){0,3}(?:key|token|password|secret|here|id)s?(?:[-_ ]?here)?
  | (?:os\.(?:environ|getenv)|process\.env|env|config|settings|secrets?|vault|getpass|input|params?)[.(\[] .{0,100}
""")
_DATE = regex.compile(r"(?:19|20)\d\d[-/.年]\d{1,2}[-/.月]\d{1,2}日?|\d{1,2}[-/.]\d{1,2}[-/.](?:19|20)?\d\d")
_AT_A_TIME = ("に", "から", "まで", "에 ", "부터", "까지", "于", "於")
_JOINED = 3  # hyphens: four words joined are a passphrase, "user-friendly" and "up-to-date" are not
_FILL_IN = regex.compile(r"%.{0,60}|(?:[a-z]{2,20}[-_ ]){0,2}[a-z]{2,20}|(?:[A-Z]{2,20}[-_ ]){0,2}[A-Z]{2,20}")
_TYPE = regex.compile(r"[A-Za-z_][A-Za-z_.]{1,40}(?:\[[A-Za-z_.,| \[\]]{0,60})?")
_TAG = 64  # characters in which an angle bracket closes
_DUMMY = regex.compile(r"(?i)(?:example|sample|dummy|placeholder|redacted|xxx+)[\w-]{0,40}")
_WITHOUT_BLANKS = regex.compile(r"[\p{Hiragana}\p{Katakana}\p{Han}\p{Hangul}ー]{1,64}")  # of a sentence that goes on
_WORD_BREAK = regex.compile(r"[-_.+]")
_SLUG = regex.compile(r"(?:[a-z]{2,20}[-_]){2,12}[a-z0-9]{1,8}")  # "how-to-reset-your-password-2"
_FOLLOWING = regex.compile(r"[ \t]{1,4}[(\"']?(\p{L}[\p{L}'’-]{0,30})(\s?[:=])?")
_CALL = regex.compile(
    r"""[A-Za-z_][\w.]{1,40}\((?:[\w.,\s'"]{0,40}\))?|[A-Za-z_]\w*(?:(?:\.|::|->)\w+(?:\(\))?)*(?:\.|::|->)\w+\(.{0,100}|\w{1,40}\([$&*].{0,100}"""
)
_MEMBER = regex.compile(
    r"(?i)[a-z_]\w{0,40}(?:\.[a-z_]\w{0,40}){0,4}\.\w{0,40}(?:password|passwd|pwd|passphrase|secret|token|key)[,;]?"
)
# the verb, and the value is what is handed over
_TO_PASS = regex.compile(
    r"(?i)(?<!\p{L})(?:to|will|can|you|we|they|must|should|would|not|then)\s[\s>+*#/-]{0,8}pass(?: to(?: the)?:?)? [\"'`:]{0,3}$"
)


def words(listed: str) -> frozenset[str]:
    """The words of a list as people write it."""
    return frozenset(listed.split())


# First words of statements, wishes and references after "password": in each language, whole words, lower case.
_STATEMENT = words("""
    ask asked pregunte pregunta pregunten demander demandez fragen frag chiedere chiedi vraag peça solicite
    a about above according after again all allow allowed already also always an and any are as asap at attached available
    be because been before being below between blank both but by call can cannot case change changed changes changing check
    compromised confidential contact contain contains correct could created did different do does empty encrypted enter
    entered expire expired expires expiring field following follows for forgot forgotten from generated given good has have
    here hidden how if in incorrect individual insecure invalid is it its itself just kept known later length link listed
    locked longer lost made manager may might mine missing must my needed needs never new next no none not note now of off
    old on once one only optional or our out over page personal personally please policy private protected protection
    provided required requirements requires reset resets rotated safe same saved secret secure see sensitive sent separate
    separately set shared shall should shown since so something stolen stored strong stupid such temporary than that the
    their then there these they this those to too under unchanged unique unknown until up updated use used user valid via
    was weak were what when where which while who will with within without wrong yes yet you your yours
    abgelaufen als am an auf bald bei bekannt bereits bitte daher damit das dem den der des die dann dort durch ein eine
    einem einen einer erforderlich falsch folgt für geheim geändert gesetzt gesondert getrennt gesperrt gültig hat hier ihr
    ihnen im immer in ist jetzt kann kein keine kommt korrekt leer mit muss müssen nach nicht nie niemals noch notwendig nur
    oder ohne per pflicht persönlich schwach sein sehr separat sicher sie siehe sind telefonisch und ungültig unsicher
    unter unten vergessen verloren vertraulich von wie wird wurde wieder zu zum zur zurückgesetzt zurücksetzen
    au aux avec avant bientôt ce cette ci comme dans de des doit du déjà en envoyé est et expiré faible fourni incorrecte
    invalide jamais la le les modifié ne non nouveau obligatoire oublié ou par pas pour perdu requis réinitialisé sans sera
    secret sécurisé suit sur sous temporaire un une uniquement veuillez voir votre être
    a al antes caducada cambiada como con correcta de debe del desde el ella en enviada es está expirada ha han incorrecta
    la las le lo los más misma modificada muy necesaria ni no nueva nunca o obligatoria olvidada para personal por
    requerida restablecida se segura sin será siguiente su sus temporal tu un una y ya
    alla alle anche che cambiata con corretta da dal della deve di e errata essere il inviata la le lo nella non nuova
    obbligatoria per più scaduta segreta sicura stata stato temporanea troppo una viene è
    aan altijd al als de deze dit een en fout geheim gelijk gewijzigd goed het hier hetzelfde in is juist kan met moet na
    niet nieuw nodig nooit of om onjuist onveilig ongeldig op per te tijdelijk toegestaan uit van verlopen vereist
    vergeten veilig verplicht via volgt voor wordt zal zie zo
    a alterada as com com deve da de do é em enviada errada expirada expirou foi incorreta inválida mesma na nas no não
    nova nunca o obrigatória os para pela por redefinida segura sem ser será seu sua temporária uma você
""")

_REFERENCE = regex.compile(r"""(?xi)
    (?: by | via | per | par | por | tramite | sent | separat\w* | in\ a\ separate | as\ (?:before|usual|always|discussed|agreed)
      | (?:the\ )?same\ (?:as|password|one) | see\ | below | above | attached | follow(?:s|ing) | n/?a | tbd | tba | none | null
      | wie\ (?:immer|gehabt|bisher|besprochen) | siehe\ | folgt | comme\ (?:d'habitude|avant|convenu) | voir\ | como\ (?:siempre|antes) | come\ (?:sempre|prima)
      | zoals\ | zie\ | ver\ | ci-(?:joint|dessous)
      | (?:your|the|ihr|dein|votre|su|tu|il\ tuo|uw|je)\ (?:birth|date\ of|geburts|date\ de|fecha|data\ di|geboorte|employee|customer|usual)
      | (?:true|false|undefined|required|optional|string|str|bool)
    ) (?![\p{L}\p{N}]) .{0,200}
""")
_TWO_MEANINGS = regex.compile(
    r"(?i)(?<!\p{L})(?:clave|parola|pass)(?!\p{L})[^\n:=]{0,40}$"
)  # also: key to success, word, mountain
_DIGEST = regex.compile(
    r"(?i)(?<!\p{L})(?:commit|sha-?\d{0,3}|md5|rev(?:ision)?|hash|checksum|integrity|digest|fingerprint|etag|build|trace|ray|request)(?!\p{L})[^\n]{0,12}$"
)
_MACHINE = regex.compile(
    r"(?i)(?:message-id|references|in-reply-to|(?:dkim|domainkey)-signature|x-google-dkim\S{0,20}|arc-\S{1,40}|x-ms-exchange\S{0,60}"
    r"|authentication-results|received(?:-spf)?|return-path|content-id|content-type|list-\S{1,20}|thread-\S{1,10}|x-received|boundary"
    r"|x-(?:pm|sg|sib|gm|ms|mailgun|ses|mandrill|campaign|report)-\S{1,60}|feedback-id|x-job|x-entity-ref-id|x-virtual-mta|x-complaints-to"
    r"|commit|fingerprint|pgp|gpg key)\s{0,4}[:= ]"
)


def is_mask(value: str) -> bool:
    """Is the value blotted out: `********`, `••••`, `xxxx`, `[hidden]`?"""
    return bool(_MASK.fullmatch(value)) and not _is_mixed(value.strip("*"))


def _is_mixed(value: str) -> bool:
    """Letters and digits between asterisks are a password in markup or a password with asterisks."""
    return any(c.isdigit() for c in value) and any(c.isalpha() for c in value)


def is_template(value: str) -> bool:
    """Does the value stand for another one: `{{password}}`, `${X}`, `%s`, `<your password>`, `os.environ[...]`, `user.password`?"""
    return bool(_TEMPLATE.fullmatch(value) or _CALL.fullmatch(value) or _MEMBER.fullmatch(value))


def is_placeholder(value: str) -> bool:
    """Is it no value at all but a mask, a template, or an invitation to fill one in?"""
    return is_mask(value) or is_template(value) or bool(_DUMMY.fullmatch(value))


def is_plain_word(value: str) -> bool:
    """Could a dictionary list it: letters only, lower case or one capital at most in front?"""
    return value.isalpha() and (value[1:].islower() or not value[1:].isascii()) and not _EAST_ASIAN.match(value)


def is_statement(value: str) -> bool:
    """Is it the next word of a sentence about passwords: "changed", "must", "geändert"?"""
    return value.casefold().strip("!?*'’.,:;") in _STATEMENT and (is_plain_word(value.strip("!?*'’.,:;")) or value.isupper())


def is_reference(text: str) -> bool:
    """Does it say where the password is, not what it is: "by SMS", "as before", "siehe unten"?"""
    return bool(_REFERENCE.match(text))


def is_within_url(text: str, start: int) -> bool:
    """Does this place lie inside a link? The run without blanks around it has "://" or "www." before the place."""
    low = max(0, start - 2048)
    apart = _APART_BACKWARDS.search(text, low, start)
    begins = apart.end() if apart else low
    return text.find("://", begins, start) >= 0 or text.startswith("www.", begins, start)


def is_machine_line(text: str, start: int) -> bool:
    """Does it stand in a line that machines write: Message-ID, DKIM, commit, fingerprint?"""
    line = text[max(text.rfind("\n", 0, start) + 1, start - _LINE) : start]
    if _MACHINE.match(line.lstrip("> \t")):
        return True
    return bool(line[:1] in " \t" and line.strip()[:2] in {"b=", "h=", "s=", "d=", "bh"} and "=" in line.strip()[:3])


def is_digest(text: str, start: int) -> bool:
    """Does "commit", "sha256", "fingerprint" or the like stand right before it?"""
    return bool(_DIGEST.search(text[max(0, start - 40) : start].rpartition("\n")[2]))


def is_value(value: str, text: str, start: int, end: int) -> bool:
    """Is it a value after a colon, a table cell or an arrow? Weak, short or plain ones are; statements and masks are not."""
    if not 2 < len(value) <= 512 or is_placeholder(value) or value.startswith(("http://", "https://", "mailto:", "//")):  # noqa: PLR2004  two letters are a word
        return False
    if _is_to_fill_in(value, text, start, end) or _TO_PASS.search(text[max(0, start - 60) : start]):
        return False
    quoted = text[max(0, start - 1) : start] in _PAIRS and text[start - 1 : start] not in {"(", "[", "<"}
    if quoted and not is_reference(value):
        return True
    rest = _rest_of_line(text, end)
    if is_statement(value) or is_reference(value + rest[:80]) or rest.startswith("("):
        return False
    if value[-1:] == ":" or not any(char.isalnum() for char in value):
        return False
    if _TYPE.fullmatch(value) and rest.lstrip("]").startswith((" = ", " | ")):  # password: SecretStr = Field(...)
        return False
    return not (is_plain_word(value) and _goes_on(rest))


def _is_to_fill_in(value: str, text: str, start: int, end: int) -> bool:
    """Up to three plain words in angle brackets, as in `<db-password>`, `<from vault>`, `<%= ENV %>`; a value with a digit is one."""
    before = text[max(0, start - 1) : start]
    if before != "<" and not value.startswith("<"):
        return False
    close = text.find(">", start, end + _TAG)
    inside = text[start:close].lstrip("<") if close >= 0 else ""
    return bool(_FILL_IN.fullmatch(inside))


def is_bare_word(value: str, text: str, start: int) -> bool:
    """Is it a word without quotes around it? As good a password as any, but people also write sentences."""
    return is_plain_word(value) and text[max(0, start - 1) : start] not in _PAIRS


def is_said_value(value: str, text: str, start: int, end: int) -> bool:
    """Is it a value after "is", "lautet", "est"? A plain word only where the sentence ends with it, or quoted."""
    if not is_value(value, text, start, end):
        return False
    if text[max(0, start - 1) : start] in _PAIRS:
        return True
    if _DATE.fullmatch(value) or text.startswith(_AT_A_TIME, end):  # "the password was changed on …", in its languages' order
        return False
    if _WITHOUT_BLANKS.fullmatch(value):
        return False
    if not is_plain_word(value):
        return not (
            value.isascii()
            and value.count("-") < _JOINED
            and value.replace("-", "").replace("'", "").isalpha()
            and value.islower()
            and _goes_on(_rest_of_line(text, end))
        )
    if _TWO_MEANINGS.search(text[max(0, start - 60) : start]):
        return False
    return not _goes_on(_rest_of_line(text, end)) and len(value) >= 4  # noqa: PLR2004  "password is ok"


def is_token_like(value: str) -> bool:
    """Is it drawn at random, as in links? Words, short numbers and placeholders are not."""
    if len(value) < 6 or is_placeholder(value):  # noqa: PLR2004  codes in links have six characters or more
        return False
    digits = sum(char.isdigit() for char in value)
    if digits == 0:
        letters = value.replace("-", "").replace("_", "")
        words = _WORD_BREAK.split(value)
        mixed = (
            not letters.islower() and not letters.isupper() and not all(w.istitle() or w.islower() or w.isupper() for w in words)
        )
        return len(value) >= 16 and (mixed or max(len(word) for word in words) >= 20)  # noqa: PLR2004  no word is that long
    return not _SLUG.fullmatch(value) and len(set(value)) > 3  # noqa: PLR2004  "111111"


def _rest_of_line(text: str, end: int) -> str:
    return text[end : end + 200].partition("\n")[0]


def _goes_on(rest: str) -> bool:
    """Whether a sentence runs on after a word; a following "User:" or "and the user" is no sentence about the word."""
    following = _FOLLOWING.match(rest)
    if not following or following.group(2) or _EAST_ASIAN.match(following.group(1)):
        return False
    return following.group(1).casefold() not in {
        "and",
        "und",
        "et",
        "y",
        "e",
        "en",
        "or",
        "oder",
        "for",
        "für",
        "pour",
        "para",
        "per",
        "voor",
        "user",
        "login",
    }


def trimmed(value: str) -> tuple[int, int]:
    """Start and end of the value itself in what stands between blanks: without quotes, markup and one closing mark.

    A final `!`, `?` or `*` stays: it may belong to the password. What follows as `;Encrypt=true` is the next field. Text in Latin letters ends where East Asian script begins.
    """
    start, end = 0, len(value)
    if (field := _NEXT_FIELD.search(value)) is not None:
        end = field.start()
    if value[:1].isascii() and (foreign := _EAST_ASIAN.search(value)) and foreign.start() > 2:  # noqa: PLR2004  no password is shorter
        end = foreign.start()
    for mark in _MARKUP:
        if (
            value[start:end].startswith(mark)
            and (close := value.find(mark, start + len(mark) + 1, end)) > 0
            and end - close - len(mark) <= 1
        ):
            start, end = start + len(mark), close
            break
    closers = _PAIRS.get(value[start : start + 1], "")
    if closers:
        close = max(value.rfind(closer, start + 1, end) for closer in closers)
        is_east_asian = value[start] in "「『"  # what follows the bracket is the sentence's end, written without a blank
        if close > start + 1 and (end - close <= 2 or is_east_asian):  # noqa: PLR2004  the quote, and one mark after it at most
            return start + 1, close
    if end - start > 1 and value[end - 1] in _CLOSING and not _is_balanced(value[start:end]):
        end -= 1
    return start, end


def _is_balanced(value: str) -> bool:
    """Whether a final bracket was opened inside: `pass(1)` keeps it."""
    opener = {")": "(", "]": "[", ">": "<"}.get(value[-1])
    return opener is not None and opener in value
