"""What the words around a value call it: without a telling prefix, a form alone is a build, an order or a trace id."""

from __future__ import annotations

from enum import Enum

import regex

__all__ = ["Called", "called", "is_code", "is_four_by_four", "is_identifier", "is_patch_line"]


class Called(Enum):
    """What a value is called by the word closest to it."""

    KEY = "key"
    OTHERWISE = "otherwise"  # an order, a ticket, a trace id
    LABELLED = "labelled"  # "Datadog: …": by a label that is neither
    UNSAID = "unsaid"


_CLOSE = 64  # characters before a value in which the closest word names it
_LINE = 300  # characters of one line that count, on either side
_ABOVE = 2  # lines above: "Token for the shop:", an empty line, the value

# What opens doors, as people write it in mail; "Key" and "Token" also inside an identifier such as "apiKey".
_KEY_WORDS = r"""
    (?<![\p{L}]) (?i: (?:api|app|auth|access|secret|server|client|service|bot)?
        (?: keys? | tokens? | secrets? | pat | passwor[dt] | passwd | pwd | passphrase | passcode | credentials? | creds | bearer
          | licen[cs]e | seed ) ) (?!\p{L})
  | (?<=\p{Ll}) (?: Key | Token | Secret | Password ) s? (?!\p{Ll})
  | (?<![\p{L}]) (?i: (?:\p{L}{2,20}-)? (?: schlüssel | zugangs(?:daten|schlüssel|token) | geheimnis | kennwort ) )
  | (?<![\p{L}]) (?i: clés? | jetons? | mot\ de\ passe | identifiants? | claves? | llaves? | secretos? | contraseña | credenciales
        | chiav[ei] | segret[oi] | credenziali | chaves? | segredos? | senha | credenciais | sleutels? | geheim | wachtwoord
        | klucz[ae]? | hasło | poświadczenia | klíče? | heslo | tajemství | nyckel\w? | lösenord | nøgle\w? | nøkkel\w? | adgangskode
        | avain | salasana | kulcs\w{0,3} | jelszó | cheie | cheia | parol[aă] | anahtar\w{0,3} | şifre\w{0,3} ) (?!\p{L})
  | (?i: ключ | токен | секрет | пароль | κλειδί | κωδικ )
  | キー | トークン | シークレット | 密钥 | 密鑰 | 金鑰 | 令牌 | 密码 | 키 | 토큰 | 비밀 | مفتاح | رمز | מפתח | אסימון | khóa | kunci | คีย์ | โทเค็น
"""
# What has a number too, and opens nothing.
_OTHER_WORDS = r"""
    (?<![\p{L}.]) (?i: ids? | uuid | guid | (?:order|ticket|case|incident|invoice|request|trace(?:parent|state)?|span|event|message|session|campaign|user|account
        |customer|client|tenant|device|job|task|run|build|pipeline|deployment|deploy|release|commit|revision|rev|branch|tag|image|digest|hash|sha-?\d{0,3}
        |md5|md5sum|sha\d{1,3}sum|checksum|fingerprint|etag|index|version|reference|ref|correlation|transaction|tx|block|address|wallet\ address|contract|page|file|document
        |doc|folder|object|record|row|item|product|sku|parcel|shipment|tracking|booking|reservation|number|boundary|cid|nonce|thread|queue
        |subscription|payment|charge|refund|project|workspace|organi[sz]ation|org|team|group|channel|zone|region|instance|cluster|node|host|container|pod
        |process|pid|report|alert|alarm|monitor|issue|serial|checkout|receipt|status|kernel|signature|bug|error|uid|rayid|ray|asset|video|photo|app|application|dashboard|link|url|nr|n°)s? ) (?!\p{L}|\.\p{L})
  | (?<=\p{Ll}) (?: Id | ID | Uuid | Hash ) (?!\p{Ll})
  | (?<![\p{L}]) (?i: bestell(?:ung|nummer) | auftrag(?:snummer)? | rechnung(?:snummer)? | referenz | vorgang(?:snummer)? | sendung(?:snummer)? | kunden(?:nummer)?
        | kennung | nummer | commande | facture | référence | numéro | dossier | pedido | factura | referencia | número | ordine | fattura | riferimento
        | numero | bestelling | factuur | referentie | encomenda | fatura | zamówieni[ea] | faktura | objednávka | beställning | ordre | tilaus | sipariş
        | заказ | счёт | счет | номер ) (?!\p{L})
  | 注文 | 番号 | 订单 | 編號 | 编号 | 주문 | 번호 | 0x$
"""
_KEY_WORD = regex.compile(_KEY_WORDS, regex.VERBOSE)
_LABEL = regex.compile(
    r"(?:^|[|\t>•*,;(]\s?)[ \t>*|]{0,6}[\p{L}\p{N}][^\s:=|]{0,30}(?:[ ][^\s:=|]{1,20}){0,2}[ ]?(?::|=|->|→|–|-|\||\t)[\s|\"'`*]{0,6}$"
)
_FOR = regex.compile(
    r"(?i)(?:[ ][^\s,;:.()]{1,20}){0,2}[ ](?:for|of|in|on|to|from|as|at|für|von|des?|der|pour|du|para|do|da|per|di|van|voor|till?|dla)(?:[ ][^\s,;:.()]{1,20}){0,3}[ ]"
)
_IS = regex.compile(r"(?i)[:=→]|->|(?<!\p{L})(?:is|reads|now|ist|lautet|est|es|é|è|to)(?!\p{L})")
_NAMING_WORD = regex.compile(f"(?P<key>{_KEY_WORDS})|(?P<other>{_OTHER_WORDS})", regex.VERBOSE)


def called(text: str, start: int, end: int) -> Called:
    """What a value is called: the closest word before it on its line decides, or on the line above if nothing stands before it.

    Where neither a word for key nor one for order, ticket or trace is close, a word for key elsewhere on the line is enough,
    or on the next line under a value that stands alone, or, in a table, in one of the two rows above. Otherwise a short label right before the value is all that is said.
    """
    lines = text[max(0, start - _LINE * (_ABOVE + 1)) : start].split("\n")[-_ABOVE - 1 :]
    labels = [line for line in lines if any(char.isalnum() for char in line)]
    is_alone = not any(char.isalnum() for char in lines[-1])
    label = lines[-1] if not is_alone else labels[-1] if labels else ""
    words = list(_NAMING_WORD.finditer(label[-_CLOSE:]))
    if words:
        return Called.KEY if words[-1]["key"] or _is_key_for(label[-_CLOSE:], words) else Called.OTHERWISE
    mark = next((mark for mark in ("|", "\t") if mark in lines[-1]), "")
    heads = [line for line in lines[:-1] if mark and mark in line]
    after, *below = text[end : end + _LINE].split("\n")
    if is_alone and not any(char.isalnum() for char in after):
        after = next((line for line in below if line.strip(" >\t\r")), "")
    is_key = any(_KEY_WORD.search(line) for line in (lines[-1], after, *(labels if is_alone else heads)))
    if is_key:
        return Called.KEY
    return Called.LABELLED if _LABEL.search(label[-_CLOSE:] if is_alone else lines[-1][-_CLOSE:]) else Called.UNSAID


def _is_key_for(label: str, words: list[regex.Match[str]]) -> bool:
    """Whether the last word only says what the key is for: "the key for our app is …", but not "the key failed for user …"."""
    keys = [word for word in words if word["key"]]
    if not keys or not _IS.search(label, words[-1].end()):
        return False
    return _FOR.fullmatch(label, keys[-1].end(), words[-1].start()) is not None


def is_four_by_four(value: str) -> bool:
    """Groups of four that are no words: small and capital letters and digits are mixed within them, not between them."""
    groups = value.split()
    letters = "".join(group for group in groups if not group.istitle() or any(char.isdigit() for char in group))
    return (
        any(char.isdigit() for char in value)
        and any(char.isupper() for char in letters)
        and any(char.islower() for char in letters)
    )


_WORD = regex.compile(r"(?=[^aeiouyAEIOUY]{0,4}[aeiouyAEIOUY])(?:[A-Z]?[a-z]{2,15}|[A-Z]{2,15})\d{0,2}")
_HUMPS = regex.compile(
    r"[a-z]{0,15}(?:[A-Z]{1,3}[a-z]{2,15}\d{0,2}(?:V\d)?){2,8}(?:[A-Z]\d)?|[a-z]{2,15}(?:[A-Z]{1,2}[a-z]{2,15}\d{0,2}){1,8}"
)
_NUMBER = regex.compile(r"v?\d{1,4}|[A-Za-z]")
_WORDS_SHARE = 0.5  # of the characters between the joints


def is_identifier(value: str) -> bool:
    """Does a programmer's name for something stand there: words and a few numbers, joined by signs or by capitals?"""
    pieces = regex.split(r"[_.\-]+", value)
    humps = [piece for piece in pieces if _HUMPS.fullmatch(piece)]
    spoken = [piece for piece in pieces if _WORD.fullmatch(piece)]
    said = sum(map(len, humps)) + sum(map(len, spoken))
    of = sum(len(piece) for piece in pieces if not _NUMBER.fullmatch(piece))
    return 2 * len(humps) + len(spoken) > 1 and said >= _WORDS_SHARE * of


# what git and its hosts write into a mail with a patch, but for the changed lines themselves
_PATCH_LINE = regex.compile(
    r"(?:From [0-9a-f]{40}|index [0-9a-f]{7,40}\.\.|diff --|(?:\+\+\+|---) [ab]/|@@ -|(?:create|delete) mode |rename |similarity |(?:base-commit|prerequisite-patch-id"
    r"|change-id|link|closes|fixes|message-id|in-reply-to|references|cc|[a-z][a-z-]{2,20}-by): )|[^\n|]{1,120} \| +(?:\d+ [+-]|Bin )",
    regex.IGNORECASE,
)
_IMAGE = regex.compile(r"(?<![\w./-])[\w.-]{1,80}(?:/[\w.-]{1,80}){1,6}[:@]\Z")  # host/name:tag
_PACKED = regex.compile(r"(?m)^[> ]{0,8}(?:literal|delta) \d{1,9}$")
_PACKED_LINE = regex.compile(r"[> ]{0,8}[A-Za-z]\S{5,66}")
_PACKED_REACH = 3_000


def is_patch_line(text: str, start: int) -> bool:
    """Does a patch sent by mail say there which commit, file, image or packed bytes it is about?"""
    begins = text.rfind("\n", max(0, start - _LINE), start) + 1 or max(0, start - _LINE)
    ends = text.find("\n", start, start + _LINE)
    line = text[begins : ends if ends >= 0 else start + _LINE]
    if _PATCH_LINE.match(line.lstrip("> \t")) or _IMAGE.search(text, begins, start):
        return True
    return bool(_PACKED_LINE.fullmatch(line.rstrip()) and _PACKED.search(text, max(0, start - _PACKED_REACH), start))


# what only a programmer writes, wherever it stands: a call, `name=value`, a file, a version, "2-element"
_CODE = regex.compile(
    r"""[*&$@:]?(?:[A-Za-z_]{3}[\w.]*(?:::|->|\()|_*[a-z]+(?:[_.][a-z]+)*=).* | [\w.-]+\.(?:py|pyi|c|cc|cpp|h|hpp|go|rs|java|js|jsx|ts|tsx|rb|php|sh|pl|pm
      |ya?ml|json|sql|md|rst|txt|conf|cfg|ini|html?|css|xml|toml|po|diff|patch)[:,;]?\d* | v?\d+(?:\.\d+)+\S* | \d{1,4}-[a-z]+""",
    regex.VERBOSE,
)
# names of variables, types and constants: parts in one case joined by "_", "-" or ".", or humps of which one is a word
_NAME = regex.compile(
    r"""_*[a-z]+\d*[a-z]*(?:[_.]++[a-z]*\d{0,3}[a-z]*)+ | _*[A-Z]+\d*[A-Z]*(?:[_.]++[A-Z]*\d{0,3}[A-Z]*)+ | [A-Za-z]+(?:_(?:[a-z]++|[A-Z]++))+\d{0,3}
      | (?:[a-z]+\d{0,2}-)+[a-z]+\d{0,2} | (?=\w*[a-z]{3})(?:[a-z]+\d*(?:[A-Z]++[a-z]*+\d*+)+ | (?:[A-Z]++[a-z]*+\d*+){2,}) | [A-Za-z]{1,5}\d{1,3}[a-z]{0,3}""",
    regex.VERBOSE,
)
_CODE_LINE = regex.compile(
    r"""(?m)[;{}\\]\s*$ | ^[ \t>]*(?:[+-][ \t]*\S|//|/?\*\s|\#\s?(?:include|define|if)|syn\s) | \(\) | -> | :: | => | [=!]= | && | \|\| | \w\([^()\s]*[,)]""",
    regex.VERBOSE,
)
_PATCH = regex.compile(r"(?m)^[> ]{0,8}(?:diff --git |@@ -\d|--- a/|\+\+\+ b/|Index: \S+/)|^[^\n|]{1,120} \| +\d+ [+-]+$")
_PATCH_REACH = 8_000  # characters of a patch, before or behind, that tell what it is


def is_code(text: str, start: int, end: int) -> bool:
    """Is what stands there a name, a type or a call in a program, or a name that a patch or its reviewers speak of?"""
    value = text[start:end].rstrip(".,:;)")
    if _CODE.fullmatch(value):
        return True
    if not _NAME.fullmatch(value.lstrip("*&$@:%")):
        return False
    begins, ends = text.rfind("\n", max(0, start - _LINE), start) + 1, text.find("\n", end, end + _LINE)
    line = text[max(begins, start - _LINE) : ends if ends >= 0 else end + _LINE]
    return bool(_CODE_LINE.search(line) or _PATCH.search(text, max(0, start - _PATCH_REACH), end + _PATCH_REACH))
