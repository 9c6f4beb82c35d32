"""Whether a number, an amount, an age or a trait is a person's: who is spoken of in the line."""

from __future__ import annotations

import regex

from forensics.leaks.prose import words

__all__ = [
    "is_advert",
    "is_card_said",
    "is_child_said",
    "is_order_said",
    "is_person_name",
    "is_person_said",
    "is_phone",
    "is_postal",
]

_LINE = 200  # characters to either side that count as the same line
_SAID = r"""(?<![\p{L}\p{N}])(?:
(?i:he|she|his|her|hers|him|my|mine|ihre?[rnms]?|seine?[rnms]?|meine?[rnms]?|er|elle|mon|ma|sa|ses|él|ella|su|mi|suo|sua|lui|lei|zijn|haar|hij|zij
|jego|jej|ona|jeho|její|hans|hennes|hun|hendes|hänen|onun|его|её|ее|она|он|він|вона|його|її|του|της
|mr|mrs|ms|miss|herrn?|frau|monsieur|madame|mme|señora?|sra?|signora?|dott|mevrouw|dhr|mevr|pan[ia]?|господин|госпожа
|patient(?:in)?|employee|colleague|applicant|candidate|claimant|mitarbeiter(?:in)?|kolleg(?:e|in|en)|bewerber(?:in)?|arbeitnehmer(?:in)?|versicherter?n?
|salariée?|employée?|collègue|collaborat(?:eur|rice)|paciente|emplead[oa]|trabajador[a]?|colega|paziente|dipendente|collega|funcion[aá]ri[oa]|werknemer|medewerker|patiënt
|pacjentk?a?|pracowni(?:k|ca|ka|czka)|pacient(?:ka)?|zaměstnan(?:ec|kyně)|anställda?|medarbetare|medarbejder|ansatte?|pasient|potilas|työntekijä|beteg|munkavállaló|angajat(?:a|ul)?|hasta|çalışan
|пациент(?:ка)?|сотрудни(?:к|ца)|працівни(?:к|ця)|ασθενής|υπάλληλος
|mother|father|mum|mom|dad|brother|sister|uncle|aunt|cousin|grand(?:father|mother|parents|dad|ma)|wife|husband|fiancée?|neighbou?r|tenant|lodger|landlord|landlady|caretaker|nanny|flatmate|housemate|the[ ](?:boy|girl|pupil|couple)
|mutter|vater|bruder|schwester|onkel|tante|oma|opa|nachbar(?:in)?|mieter(?:in)?|schüler(?:in)?|lehrer(?:in)?|freund(?:in)?|mitbewohner(?:in)?|sohn(?:es)?|tochter|junge|mère|père|fils|fille|frère|sœur|oncle|grand-?(?:mère|père)|voisine?|locataire|copine?|madre|padre|hij[oa]|herman[oa]|vecin[oa]|alumn[oa]|abuel[oa]|inquilin[oa]|niñ[oa]|novi[oa]
|figli[oa]|fratello|sorella|nonn[oa]|vicin[oa]|alunn[oa]|inquilin[oa]|moeder|vader|zoon|dochter|broer|zus|buurman|buurvrouw|leerling|matka|ojciec|syna?|córka|brat|siostra|sąsiad(?:ka)?|uczeń|uczennica|bratr|sestra|dcera|soused(?:ka)?|bror|søster|syster|nabo|granne|dotter|datter|sønn?|poika|tytär|naapuri
|мать|отец|мама|папа|сын|дочь|брат|сестра|сосед(?:ка)?|муж|жена|ученик|ученица|син|донька|дочка|чоловік|дружина|сусід(?:ка)?|annem|babam|kardeşim|oğlum|kızım|komşu(?:m|muz)?|eşim|mãe|pai|filh[oa]|irmã(?:o)?|vizinh[oa]|alun[oa]|μητέρα|πατέρας|γιος|κόρη|γείτονας|frate|soră|mama|tata|vecin(?:a|ul)?|anyám|apám|fiam|lányom|szomszéd
|we[ ]are|we['’]re|they[ ]are|they['’]re|wir[ ]sind|sie[ ]sind|nous[ ]sommes|ils[ ]sont|elles[ ]sont|somos|siamo|wij[ ]zijn|we[ ]zijn|jesteśmy|jsme|sme|vi[ ]är|vi[ ]er|olemme|мы|ми|είμαστε|suntem|i[ ](?:came|go|keep|wear|fast|pray|vote|belong)|ich[ ](?:gehe|trage|faste|bete|wähle|gehöre)|je[ ]suis|soy|sono|ik[ ]ben|jestem|jsem|jag[ ]är|jeg[ ]er|olen|я)(?![\p{L}])
|M\.(?=[ ]\p{Lu}\p{Ll})|I(?=[ ](?:am|was|have|suffer))|J[’']ai|Ich[ ](?:bin|habe|leide)
|(?!(?:The|This|That|These|Those|Our|Your|A|An|It|We|You|They|New|All|For|From|Dear|Die|Der|Das|Ein|Eine|Wir|Les|Le|La|Un|Une|El|Los|Las|Il|Lo|De|Het|Een|There|Mental|Public|World|National|International|Clinical|Medical)(?![\p{L}]))
 \p{Lu}\p{Ll}{1,20}(?:-\p{Lu}\p{Ll}{1,20})?[ ](?:(?:van|von|de|der|den|di|da|del|du|la|le|al|bin)[ ]){0,2}\p{Lu}[\p{Ll}’'\-]{1,24}(?=,?[ ]\p{Ll}|[,.]?$|[ ][(:—–])
|(?!(?:The|This|That|It|There|What|Who|She|He|Das|Es|Dies|Was|Wer|Ce|Cela|Esto|Questo|Dit|Dat|Research|Science|Study|Work|Therapy|Cancer|Depression|Diabetes)(?![\p{L}]))
 \p{Lu}\p{Ll}{1,20}[ ](?:is|was|has|had|suffers|told|will|earns|got|takes|spent|served|voted|pays|goes|went|eats|wears|keeps|says|said|wants|only|always|never|ist|war|hat|hatte|leidet|wurde|bekommt|verdient|gehört|sitzt|est|était|souffre|a[ ]une?|a[ ]été|touchera|tiene|padece|sufre|fue|gana|es|está|milita|è|ha|soffre|heeft|lijdt
 |ma|jest|cierpi|należy|był[a]?|má|je|byl[a]?|trpí|har|lider|är|er|fick|får|on|sairastaa|van|volt|szenved|este|are|tem|sofre|foi|é|имеет|страдает|болеет|болен|больна|был[а]?|судим[а]?|має|хворіє|είναι|έχει)(?![\p{L}])
|\p{Lu}\p{Ll}{2,20}[’']s[ ]|(?<=for[ ]|A[ ]|[Uu][ ]|У[ ]|у[ ])\p{Lu}\p{Ll}{2,20}(?=[ ](?:le|lo|la|shows|stwierdzono|zjistili|виявили|обнаружили)(?![\p{L}])|:[ ])
|(?:(?:sie|er)[ ](?:ist|war|hat|gehört|wurde)|(?:il|elle)[ ](?:est|a|était|milite|souffre)|(?:él|ella)[ ](?:es|está|tiene)|(?:jest|è|es|[Ee]stá)[ ](?=członk|świad|wyznan|iscritt|testimon|militant|afiliad|testig|homosex|omosessual|di[ ]rel|de[ ](?:etn|rel)))
|(?i:bey|hanım|doamna|domnul|domnișoara|senhora?|paní|fru|κ(?:ύριος|υρία|\.)|collega|pacjentki|пациента|пацієнтки?)(?=[ ])
)|本人|患者|社員|さん|様|氏|先生|女士|经理|员工|病人|确诊|得了|被判|因.{1,6}被|\p{Han}{2,3}是|직원|환자|과장|대리|부장|님|씨|السيد|المريض|الموظف|مصاب|מר|גב|החולה|העובד|मरीज|श्री|कर्मचारी|\b(?:Anh|Chị|Ông|Bà)[ ]\p{Lu}"""
_PERSON = regex.compile(_SAID, regex.VERBOSE)
_FIELD = regex.compile(
    r"(?i)(?<!\p{L})(?:health|illness|medical|diagno[sz]\p{L}{0,4}|rozpoznanie|диагноз|діагноз|διάγνωση|tanı|criminal(?:[ _]record)?|vetting|background[ ]check|religion|special[ _]category"
    r"|casellario|(?:extrait[ ]du[ ])?casier(?:[ ]judiciaire)?|antecedentes|niekaralność|strafregister\p{L}{0,6}|führungszeugnis|strafblad|судимость|trestní[ ]rejstřík)"
    r"(?:[ ](?:(?:bei|di|de|du|u|of|for|von|van|у)[ ])?[\p{L}’'-]{2,24}(?:[ ][\p{L}’'-]{2,24})?)?[ ]{0,2}(?:[\"'>\])]{0,2}[ ]{0,3}[:=>|\t→-]|[ ]$|$)"
)
# The trait is what a row says of somebody: behind a word for remarks, or behind a name, and with little after it
_ROW = regex.compile(
    r"^[^\p{L}\n]{0,6}(?:(?i:(?:(?:hr|personal|private|internal|medical|other|general|special|additional)[ _-])?(?:notes?|remarks?|comments?|background|details|profile|particulars|circumstances|info(?:rmation)?|status|record|file|memo|entry|declared|disclosed|affiliations?|memberships?|sensitive|confidential|needs|reason"
    r"|bemerkung(?:en)?|notiz(?:en)?|hinweise?|anmerkung(?:en)?|kommentare?|besonderheiten|vermerke?|angaben?|zugehörigkeit|hintergrund|remarques?|observations?|commentaires?|renseignements?|particularités|mention|notas?|observaci(?:ón|ones)|comentarios?|datos|anotaci(?:ón|ones)"
    r"|annotazion[ei]|osservazion[ei]|dati|opmerking(?:en)?|bijzonderheden|aantekening(?:en)?|observaç(?:ão|ões)|dados|uwag[ai]|adnotacj[ae]|dane|poznámk[ay]|údaje|anteckning(?:ar)?|anmärkning(?:ar)?|uppgift(?:er)?|bemærkning(?:er)?|oplysninger|merknad(?:er)?|opplysninger|huomautu(?:s|kset)|tiedot|megjegyzés(?:ek)?|adatok|observați[ei]|mențiuni|notlar?|açıklama|bilgi(?:ler)?"
    r"|примечани[ея]|комментари[йи]|сведения|данные|примітк[аи]|відомості|дані|бележк[аи]|данни|σημειώσεις|σημείωση|παρατηρήσεις|στοιχεία|catatan|keterangan|ghi[ ]chú)|備考|特記事項|メモ|备注|備註|说明|비고|메모|특이사항|ملاحظات?|הערות?|टिप्पणी|หมายเหตุ)"
    r"|(?i:religio\p{L}{0,8}|faith|beliefs?|(?:trade[ ])?union|ethnic\p{L}{0,4}|race|origin|(?:sexual[ ])?orientation|political|party|genetics?|biometrics?|konfession|gewerkschaft|herkunft|orientierung|partei|religión|sindicato|origen|orientación|partido|sindacato|origine|orientamento|partito|syndicat|parti|opinion[ ]politique|vakbond|afkomst|geaardheid|wyznanie|związek|pochodzenie|orientacja|partia|религия|профсоюз|национальность|ориентация|партия)"
    r"|(?P<name>(?!(?:The|Our|Your|New|All|For|From|Dear|In|On|At|No|Die|Der|Das|Les|La|Le|El|Los|Las|Il|Lo|De|Het)[ ])\p{Lu}\p{Ll}{1,20}(?:[ ](?:van|von|de|der|den|di|da|del|du|la|le|al|bin))?[ ]\p{Lu}[\p{L}’'\-]{1,24}))"
    r"(?:[ ][\p{L}’'()/-]{1,16}){0,3}[\"'*)\]]{0,3}[ ]{0,3}[:：=|\t][^\p{L}\n]{0,6}(?!(?i:the|our|your|die|der|das|les?|la|el|il|lo|het)[ ])(?:[\p{L}’'-]{1,14}[ ]){0,3}$"
)
_LITTLE = 40  # characters
_YOU = regex.compile(
    r"(?i)(?<!\p{L})(?:your|ihr(?:e[rnms]?)?|dein(?:e[rnms]?)?|votre|ton|tu|vostr[oa]|tuo|uw|jouw|twoj\p{L}|din|ditt|ваш\p{L}?)(?!\p{L})"
)
_CHILD = regex.compile(
    r"(?i)(?<!\p{L})(?:son|daughter|child|kid|boy|girl|pupil|minor|toddler|nephew|niece|stepson|stepdaughter|foster[ ]child|grandson|granddaughter|schoolboy|schoolgirl|student"
    r"|sohn|tochter|kind(?:es|er)?|junge|mädchen|schüler(?:in)?|neffe|nichte|enkel(?:in)?|fils|fille|enfant|garçon|élève|neveu|nièce|hij[oa]|niñ[oa]|menor|alumn[oa]|sobrin[oa]|figli[oa]|bambin[oa]|ragazz[oa]|minore"
    r"|zoon|dochter|jongen|meisje|leerling|filh[oa]|criança|menin[oa]|syn(?:ek)?|córka|dziecko|dcera|dítě|dotter|barn(?:et)?|pojke|flicka|sønn?|datter|dreng|pige|gutt|jente|poika|tytär|lapsi|fia|lánya|gyermek|fiul|fiica|copil(?:ul)?"
    r"|oğl\p{L}*|kızı|çocu[kğ]\p{L}*|сын|дочь|реб[её]нок|син|дочка|дитина|γιος|κόρη|παιδί|γιο[υύ]?|κόρης|сын[ауеом]{0,2}|доч(?:ери|ерью|ка|ку|ке)|реб[её]нк\p{L}{1,2}|син[ауові]{0,4}|доньк?[аиуої]{0,2}|доньці|ученик\p{L}?|учениц\p{L}|учен[ья]|учениця|школьни\p{L}{1,3}"
    r"|poikani|tyttäreni|poikamme|lapseni|oppilas|fiam|lányom|tanuló|elev[aă]?|öğrenci|kızım\p{L}?|oğlum|uczeń|uczennic[ay]|ucznia|dítě|žák(?:yně)?|elev|læreling|alunn[oa](?:/a)?|alun[oa]|aluno|leerlinge?|schülerin|schülers|unaccompanied[ ]minor|under[ ]1\ds|con[ ]trai|con[ ]gái|học[ ]sinh)(?!\p{L})|息子|娘|子供|儿子|女儿|孩子|아들|딸|아이|生徒|児童|园儿|学生|小朋友|학생|원아|자녀|ابن|ابنة|ابني|ابنتي|طفل|תלמיד|בן|בת|ילד|बेटा|बेटी|बच्च|छात्र"
)
_CHILD_FIELD = regex.compile(
    r"(?i)(?<!\p{L})(?:minor|child|kind(?:es)?|enfant|niñ[oa]|minore|dziecko)(?:[\"'>\])]{0,2}[ ]{0,3}[:=>|\t→-]|[ ]?$)"
)
_CALLED = regex.compile(
    r"(?:^|(?<=[\s>(\"“„]))\p{Lu}\p{Ll}{1,20}(?:[ ]\p{Lu}[\p{Ll}’'\-]{1,24})?(?:,[ ]|[ ](?:is|ist|a|est|tiene|ha|è|is|ma|har|är|er|on)[ ](?:only[ ]|erst[ ])?|[ ]\()$"
)
_RANGE = regex.compile(
    r"(?i)[^\S\r\n]{0,2}(?:to|bis|até|[àa]|and|und|-|–|—|tot|till|til|do)[^\S\r\n]{0,2}(?:(?:EUR|USD|GBP|CHF|[€$£])[ ]?)?\d"
)
_RAISE = regex.compile(
    r"(?i)(?:pay|salary|wage)[ ](?:review|rise|raise|increase)|gehaltserhöhung|augmentation|aumento|podwyżk\p{L}"
)
_ADVERT = regex.compile(
    r"(?i)(?<!\p{L})(?:vacanc\p{L}{1,3}|apply[ ]now|we[ ](?:are[ ])?(?:hiring|offer)|the[ ](?:job|position|role)[ ]offers|job[ ]offers|stellenangebot|wir[ ](?:suchen|bieten)|average|median|durchschnitt\p{L}{0,6}|minimum|mindestlohn|up[ ]to|starting|bis[ ]zu|ranges?)(?!\p{L})|(?<!\p{L})(?:between|ab|à[ ]partir[ ]de|desde|hasta|from)[^\p{L}]{0,4}$"
)
_CARD = regex.compile(r"(?i)(?<!\p{L})(?:(?:credit|debit|payment|bank)?[ _-]?card|visa|master[ ]?card|amex|american[ ]express|diners|discover|jcb|unionpay|maestro|kreditkarte\p{L}{0,8}|kartennummer|karte|carte|tarjeta|carta|cartão|kaart\p{L}{0,6}|kart[ayęu]?|kortti|kort(?:nummer|et)?|cvv2?|cvc2?|exp(?:iry|ires)?|valid|gültig|карт[аыу]|κάρτα|pan)(?=[^\p{L}])|カード|卡|카드|بطاقة|(?<!\d)(?:0[1-9]|1[0-2])[/-](?:20)?[2-4]\d(?!\d)")  # fmt: skip
_NO_NAMES = words(
    "server service services system support team project plan build cloud office department group manager management center centre week day chapter handbook "
    "safety portal help desk customer sales marketing data file folder name address number list report release version test demo production staging admin "
    "java script windows linux nations encrypt google microsoft amazon chair "
    "case study news release press question answer agenda item event lecture course class room topic theme book film title exhibition festival prayer prayers menu "
    "gmbh ltd limited inc corp company kg ag llc sarl bank hotel school university clinic hospital street road city world tour image docker job main "
    "kundenservice abteilung verwaltung stadt schule universität klinik service-team équipe ville école departamento oficina equipo ufficio scuola szkoła zespół"
)
_MACHINE = regex.compile(r"@|://|\b\d{1,3}(?:\.\d{1,3}){3}\b|(?:[0-9A-Fa-f]{2}:){3}|\b0x[0-9A-Fa-f]")
_HOUSE = regex.compile(
    r"(?<!\d)\d{1,5}(?:[ ]?\p{L}|[/\-]\d{1,4}\p{L}?)?(?:[.]?,[ ][^,]{1,20}){0,3},[ ](?:\p{Lu}{1,3}-)?[\p{L}\d][\p{L}\d ]{2,5}[ -]"  # 12 b, 3rd floor, NW1 6XE
    r"|(?<!\d)\d{2,3}[ -]?\d{2,4}[ ]\p{Lu}\p{L}{2,}|\p{Lu}{2,3}[ ]\d{4,5}(?!\d)|\d{5}(?:-\d{3,4})?$"  # 114 06 Praha; VIC 3823; CEP 11734-242
    r"|\p{L}\p{Ll}{2,}(?:straße|strasse|str\.|gatan|vägen|veien|vegen|vej|gade|katu|laan|straat)[ ]\d"
    r"|(?:д|буд|корп|кв)\.[ ]?\d|[ ](?i:no)[:.][ ]?\d|[市区區町村]\p{L}{1,12}\d"
    r"|(?i:\b(?:street|road|avenue|lane|rue|calle|via|rua|p\.?o\.?[ ]box|postfach)\b)|\d(?:番|号|丁目|號)|(?:로|길)[ ]\d|شارع|רחוב|मकान|गली|đường|phố"
)
_DATE = regex.compile(
    r"(?:0?[1-9]|[12]\d|3[01])[./-](?:0?[1-9]|1[0-2])[./-](?:19|20)\d\d|(?:19|20)\d\d[./-]\d{1,2}[./-]\d{1,2}(?:[ .]\d\d.*)?"
)
_ORDER = regex.compile(r"(?i)(?<!\p{L})(?:order|invoice|tracking|parcel|shipment|delivery|ticket|article|ean|gtin|isbn|imei|serial|batch|contract|reference|ref|customer|bestell\p{L}{0,10}|rechnung\p{L}{0,8}|sendung\p{L}{0,10}|auftrag\p{L}{0,8}|artikel\p{L}{0,8}|kunden\p{L}{0,8}|commande|facture|colis|pedido|factura|envío|ordine|fattura|bestelling|factuur|zamówieni\p{L}|заказ)(?!\p{L})")  # fmt: skip


def _line(text: str, start: int, end: int) -> tuple[str, str]:
    """What stands in the line before and after a place."""
    left = text[max(0, start - _LINE) : start].rpartition("\n")[2]
    return left, text[end : end + _LINE].partition("\n")[0]


def _line_or_cell(text: str, start: int, end: int) -> tuple[str, str]:
    """As `_line`; and the line above where a place stands alone, as in a table's cell."""
    before, after = _line(text, start, end)
    if not any(map(str.isalpha, before)):
        before = " ".join(_two_lines(text, start))
    return before, after


def _two_lines(text: str, start: int) -> list[str]:
    """The line above, and what stands before a place in its own."""
    return text[max(0, start - _LINE) : start].split("\n")[-2:]


def is_person_said(text: str, start: int, end: int, *, or_reader: bool = False) -> bool:
    """Does the line speak of one person: a name, a title, a pronoun, a patient; `or_reader`: or of the one who reads it?"""
    before, after = _line_or_cell(text, start, end)
    line = f"{before}{text[start:end]}{after}"
    return bool(_PERSON.search(line) or _FIELD.search(before) or _is_row(text, start, after) or (or_reader and _YOU.search(line)))


def _is_row(text: str, start: int, after: str) -> bool:
    """Is it what a row says of somebody, or a cell below its label, "Remark: Sikh", and hardly more than that?"""
    if len(after.partition("\t")[0]) > _LITTLE:
        return False
    lines = _two_lines(text, start)
    row = _ROW.match(lines[-1]) or _ROW.match("\t".join(lines))
    return row is not None and is_person_name(row["name"] or "")


def is_child_said(text: str, start: int, end: int) -> bool:
    """Does the line, or the cell above an age that stands alone, speak of a child; or does a name stand right before?"""
    before, after = _line_or_cell(text, start, end)
    if _CHILD_FIELD.search(before):
        return True
    return bool(_CALLED.search(before) or _CHILD.search(before) or _CHILD.search(after))


def is_advert(text: str, start: int, end: int) -> bool:
    """Is an amount of money one end of a range, or what a vacancy promises?"""
    before, after = _line(text, start, end)
    if _RAISE.search(before):
        return False
    is_range = _RANGE.match(after) or regex.search(r"(?i)\d[\d.,]*[ ]?(?:k|EUR|€|\$|£)?[ ]?(?:to|bis|-|–|à|a)[ ]?$", before)
    return bool(is_range or _ADVERT.search(before))


def is_card_said(text: str, start: int, end: int) -> bool:
    """Is a payment card or its expiry spoken of in this line or the one before?"""
    before = "\n".join(_two_lines(text, start))
    return bool(_CARD.search(before) or _CARD.search(_line(text, start, end)[1][:60]))


def is_person_name(name: str) -> bool:
    """Does no word of it name a thing, an office or a firm?"""
    return not _NO_NAMES.intersection(regex.findall(r"\p{L}{2,}", name.lower()))


def is_postal(text: str) -> bool:
    """Does it read as the place of a house: a postcode or a street's number behind a name, and no address of a machine?"""
    return not _MACHINE.search(text) and _HOUSE.search(text) is not None


def is_phone(number: str) -> bool:
    """Has it as many digits as a subscriber's number may have (ITU-T E.164), and is it no date?"""
    return 7 <= sum(char in "0123456789" for char in number) <= 15 and not _DATE.fullmatch(number)  # noqa: PLR2004  a local number; the most in E.164


def is_order_said(text: str, start: int, end: int) -> bool:
    """Is an order, a parcel or an article spoken of right before?"""
    return bool(_ORDER.search(_line(text, start, end)[0][-60:]))
