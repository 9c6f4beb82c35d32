"""What a name looks like: letters of other scripts, and digits, folded to the Latin letters that they pass for."""

from __future__ import annotations

import unicodedata

import idna

__all__ = ["near_skeleton", "readable", "skeleton"]

# Letters that may stand in a domain name (valid by RFC 5892) and pass for these Latin ones, from Unicode's confusables.txt
# (UTS 39, version 13.0.0). Left out: what loses its marks to become the Latin letter, which normalising does.
_CONFUSABLES = {
    "2": "ƻᒿ",
    "3": "𑣊𖼻",
    "4": "Ꮞ",
    "6": "бᏮ𑣕",
    "7": "𑣆",
    "8": "ȣ৪੪ଃ𐌚",
    "9": "৭੧୨൭𑣌𑣖",
    "a": "ɑαаᎪᗅꓮ𐊠𖽀",
    "aa": "ꜳ",
    "ae": "æӕ",
    "ao": "ꜵ",
    "au": "ꜷ",
    "av": "ꜹꜻ",
    "ay": "ꜽ",
    "b": "ƀƃɓѣҍᏏᏴᑲᑳᖯᗷꓐ𐊂𐊡𐌁",
    "c": "ȼсҫᏟᴄⲥꓚ𐊢𐌂𐐽𐔜𑣩",
    "d": "đƌɖɗԁᎠᏧᑯᗞᗪꓒꓓ",
    "dz": "ʣ",
    "e": "ɇеҽҿᎬⴹꓰꬲ𐊆",
    "f": "ƒքᖴᵮẝꓝꞙꬵ𐊇𐊥𐔥𑣂",
    "g": "ƍǥɠɡցᏀᏳᶃꓖ",
    "h": "ħɦћһհᎻᏂᏲᕼꓧꚕ𐋏",
    "i": "ıɨɩɪιіӏᎥᵻᵼꙇ𑣃",
    "j": "ɉϳјᎫᒍꓙ",
    "k": "ƙᏦᛕꓗ𐔘",
    "l": "łƚǀɫɭוןإاٳߊᏞᒪᛁⵏꓡꓲ𐊊𐌉𐔦𖼖𖼨",
    "ll": "ǁװ",
    "ls": "ʪ",
    "lz": "ʫ",
    "m": "Ꮇᗰᛖꓟ𐊰𐌑",
    "n": "ƞɳηոռᵰꓠ𐔓",
    "o": "øɵθοσоѳөօסهھہەۿ߀०০੦૦ଠ୦௦ం౦ಂ೦ംഠ൦ං๐໐ဝ၀ჿዐᎾᏫᴏᴑⲟⴱⵁⵔ〇ꓳꝋꬽꬾ𐊒𐊫𐐬𐓪𐔖𑓐𑣈𑣗𑣠",
    "oe": "œ",
    "oo": "ꚙꝏ",
    "p": "ƥρрᏢᑭᵽⲣꓑ𐊕",
    "q": "ʠԛգզⵕ",
    "r": "ɍɼɽгғᎡᏒᖇᴦᵲⲅꓣꭇꭈ𖼵",
    "rn": "ɱᵯ𑜀𑣣",
    "s": "ƽʂѕᏕᏚᵴꓢꜱ𐊖𐑈𑣁𖼺",
    "t": "ŧƭᎢᵵꓔ𐊗𐊱𐌕𖼊",
    "tf": "ꝷ",
    "ts": "ʦ",
    "u": "ʋυսሀᏌᑌᴜᵾꓴꞟꭎꭒ𐓶𑣘𖽂",
    "ue": "ᵫ",
    "uo": "ꭣ",
    "v": "νѵטᏙᐯᴠⴸꓦꛟ𐔝𑜆𑣀𖼈",
    "w": "ɯѡѽԝաᎳᏔᴡꓪꝡ𑓅𑜊𑜎𑜏𑣦",
    "x": "хᕁᕽᚷⵝꓫ𐊐𐊴𐌗𐔧",
    "y": "ƴɏɣʏγуүұყᎩᎽᶌỿꓬꭚ𐊲𑣜𖽃",
    "z": "ƶȥʐᏃᴢᵶꓜ𑣄𑣥",
}
# Alike in the upright small letters of most screens, which the Unicode list compares in capitals
_ALSO = {"b": "вʙ", "e": "ε", "h": "нʜ", "k": "кκ", "m": "м", "t": "тτ", "x": "χ"}
_FOREIGN = str.maketrans({char: letter for table in (_CONFUSABLES, _ALSO) for letter, chars in table.items() for char in chars})
_DIGITS = str.maketrans("0135", "oles")  # after these, "rn" and "vv" are pairs of letters
_PAIRS = (("rn", "m"), ("vv", "w"))
# Alike at a glance only, and apart in many honest names (clean and dean, flat and fiat)
_NEAR = (("cl", "d"), ("i", "l"))


def readable(label: str) -> str:
    """A label as a mail program shows it: lower case, Punycode decoded; what cannot be decoded stays as it is."""
    label = label.lower()
    if not label.startswith("xn--"):
        return label
    try:
        return idna.ulabel(label)
    except (UnicodeError, IndexError, ValueError):
        pass  # a label that no rule accepts is shown all the same by some programs
    try:
        return label[4:].encode("ascii").decode("punycode")
    except (UnicodeError, IndexError, ValueError, OverflowError):
        return label


def skeleton(label: str) -> str:
    """What a label looks like in print: equal for two labels that a reader cannot tell apart. Hyphens stay."""
    plain = readable(label)
    if not plain.isascii():
        parts = unicodedata.normalize("NFKD", plain.translate(_FOREIGN))
        plain = "".join(char for char in parts if not unicodedata.combining(char)).translate(_FOREIGN).lower()
    plain = plain.translate(_DIGITS)
    for seen, meant in _PAIRS:
        plain = plain.replace(seen, meant)
    return plain


def near_skeleton(label: str) -> str:
    """A coarser skeleton: equal also for labels that only a second look tells apart."""
    plain = skeleton(label)
    for seen, meant in _NEAR:
        plain = plain.replace(seen, meant)
    return plain
