"""What mail says of persons in words: illness, belief, convictions, children; and marks of secrecy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

__all__ = ["CHILDREN", "CONVICTIONS", "ILLNESSES", "INTIMATE", "MARKINGS"]

_Told = Mapping[str, Sequence[str]]

ILLNESSES: _Told = {
    "en": ("type 2 diabetes", "a relapse of bipolar disorder", "stage II breast cancer", "HIV", "multiple sclerosis", "a slipped disc (M51.1)", "postnatal depression", "hepatitis C", "epilepsy", "alcohol dependency"),
    "de": ("Diabetes mellitus Typ 1", "einer mittelgradigen depressiven Episode (F32.1)", "Brustkrebs", "Epilepsie", "Morbus Crohn", "Hepatitis B", "einem Bandscheibenvorfall", "Burn-out"),
    "fr": ("un diabète de type 1", "une sclérose en plaques", "une dépression sévère", "un cancer du côlon", "une hépatite C", "une épilepsie"),
    "es": ("diabetes tipo 2", "esclerosis múltiple", "una depresión mayor", "cáncer de mama", "VIH", "epilepsia"),
    "it": ("diabete di tipo 1", "sclerosi multipla", "depressione grave", "un tumore al seno", "epilessia", "epatite C"),
    "pl": ("cukrzycę typu 2", "stwardnienie rozsiane", "depresję", "raka piersi", "padaczkę", "wirusowe zapalenie wątroby typu C"),
    "nl": ("diabetes type 2", "een zware depressie", "borstkanker", "epilepsie"),
}  # fmt: skip
INTIMATE: _Told = {
    "en": ("she is a practising Muslim", "he is a shop steward of the union", "he came out as gay at work", "she is of Roma origin", "he has been a member of the Labour Party since 2009", "she converted to Judaism", "he is a trade union member"),
    "de": ("sie ist Mitglied der IG Metall", "er ist bekennender Zeuge Jehovas", "sie ist lesbisch", "er gehört der Gewerkschaft ver.di an", "sie ist praktizierende Muslimin", "er ist Parteimitglied der Linken"),
    "fr": ("elle est adhérente de la CGT", "il est de confession juive", "il est homosexuel", "elle est musulmane pratiquante", "il milite au parti socialiste"),
    "es": ("está afiliada a Comisiones Obreras", "es homosexual", "es testigo de Jehová", "es de etnia gitana", "es militante del partido socialista"),
    "it": ("è iscritta alla CGIL", "è omosessuale", "è di religione ebraica", "è militante del partito", "è testimone di Geova"),
    "pl": ("należy do związku zawodowego Solidarność", "jest wyznania prawosławnego", "jest gejem", "jest świadkiem Jehowy", "jest członkiem partii"),
}  # fmt: skip
CONVICTIONS: _Told = {
    "en": ("a conviction for burglary in 2016", "two prior convictions for drink driving", "been on probation since May for shoplifting", "served 14 months for fraud", "a pending charge of assault"),
    "de": ("eine Vorstrafe wegen Betrugs", "zwei Einträge im Führungszeugnis wegen Diebstahls", "eine Verurteilung wegen Körperverletzung", "ein laufendes Ermittlungsverfahren wegen Untreue"),
    "fr": ("une condamnation pour vol", "un casier judiciaire pour escroquerie", "une mise en examen pour abus de confiance"),
    "es": ("antecedentes penales por robo", "una condena por estafa", "una causa pendiente por agresión"),
    "it": ("una condanna per furto", "precedenti penali per truffa", "un procedimento penale per lesioni"),
    "pl": ("wyrok za kradzież", "prawomocny wyrok za oszustwo", "zarzut pobicia"),
}  # fmt: skip
CHILDREN: _Told = {
    "en": ("8 years old", "aged 11", "born in 2016", "a six-year-old", "14 y/o", "in Year 3"),
    "de": ("9 Jahre alt", "7-jährig", "Schülerin der Klasse 4b", "geboren 2015", "elf Jahre"),
    "fr": ("âgée de 7 ans", "10 ans", "élève de CM2", "née en 2016"),
    "es": ("de 9 años", "alumno de 4º de primaria", "menor de 12 años"),
    "it": ("di 8 anni", "alunna della 3ª B", "minorenne di 13 anni"),
    "pl": ("lat 10", "uczeń klasy 3a", "9-letnia"),
}  # fmt: skip
MARKINGS: _Told = {
    "en": ("STRICTLY CONFIDENTIAL", "Privileged & Confidential - Attorney-Client Communication", "TLP:RED", "TLP:AMBER+STRICT", "Company Confidential", "NOT FOR DISTRIBUTION - covered by NDA", "For internal use only", "COMMERCIAL IN CONFIDENCE"),
    "de": ("STRENG VERTRAULICH", "Vertraulich - nicht zur Weitergabe bestimmt", "VS - Nur für den Dienstgebrauch", "Nur für internen Gebrauch", "Persönlich/Vertraulich"),
    "fr": ("STRICTEMENT CONFIDENTIEL", "Confidentiel - ne pas diffuser", "DIFFUSION RESTREINTE", "Secret professionnel"),
    "es": ("ESTRICTAMENTE CONFIDENCIAL", "Confidencial - no distribuir", "USO INTERNO"),
    "it": ("STRETTAMENTE RISERVATO", "Riservato e confidenziale", "AD USO INTERNO"),
    "pl": ("ŚCIŚLE POUFNE", "Poufne - nie rozpowszechniać", "DO UŻYTKU WEWNĘTRZNEGO", "TAJEMNICA PRZEDSIĘBIORSTWA"),
}  # fmt: skip
