"""A draft as a Word document: real headings, lists and header rows, blanks in yellow, DRAFT on every page."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from io import BytesIO
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from docx import Document
from docx.document import Document as Page
from docx.enum.section import WD_ORIENT
from docx.enum.text import WD_ALIGN_PARAGRAPH, WD_BREAK, WD_COLOR_INDEX
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Cm, Pt, RGBColor
from docx.text.paragraph import Paragraph

from forensics.legible import cut, shown
from forensics.reporters.docx.draft import Blank, Block, Break, Bullet, Draft, Grid, Heading, Line, Notice, Para, Source, blanks

__all__ = ["render"]

_FONT = "Calibri"
_INK, _GREY, _RED = RGBColor(0x1F, 0x38, 0x64), RGBColor(0x76, 0x76, 0x76), RGBColor(0xC0, 0x00, 0x00)
_FIXED = datetime(1980, 1, 1)  # noqa: DTZ001  python-docx writes naive times as UTC; fixed, so that the same tables give the same bytes
_ZIPPED = (1980, 1, 1, 0, 0, 0)
_THEMES = ("asciiTheme", "hAnsiTheme", "eastAsiaTheme", "cstheme")


def render(draft: Draft) -> bytes:
    """The draft as the bytes of a .docx file; the same draft gives the same bytes.

    On its first page stands how many blanks there are to fill, and each of them with its section.
    """
    page = Document()
    _dress(page, draft)
    page.add_paragraph(shown(draft.title), style="Title")
    page.add_paragraph(shown(draft.subtitle), style="Subtitle")
    for block in draft.cover:
        _add(page, block)
    _list_blanks(page, blanks([*draft.cover, *draft.body]))
    _add(page, Break())
    for block in draft.body:
        _add(page, block)
    return _packed(page)


def _list_blanks(page: Page, asked: list[tuple[str, str]]) -> None:
    page.add_heading(f"{len(asked)} {'blank' if len(asked) == 1 else 'blanks'} to fill", level=1)
    for section, asks in asked:
        line = page.add_paragraph(style="List Number")
        line.paragraph_format.left_indent, line.paragraph_format.first_line_indent = Cm(1.2), Cm(-1.2)
        line.paragraph_format.space_after = Pt(1)
        line.add_run(shown(asks)).bold = True
        if section:
            line.add_run(f" (in: {shown(section)})").font.color.rgb = _GREY


def _dress(page: Page, draft: Draft) -> None:
    """Paper, fonts, language, head and foot, and properties that do not depend on the day."""
    styles = page.styles.element
    for fonts in styles.iter(qn("w:rFonts")):
        for theme in _THEMES:  # a theme's font would win over the one that is named
            fonts.attrib.pop(qn(f"w:{theme}"), None)
        for script in ("ascii", "hAnsi", "cs"):
            fonts.set(qn(f"w:{script}"), _FONT)
    for language in styles.iter(qn("w:lang")):
        language.set(qn("w:val"), "en-GB")
    for name, size in (("Title", 22), ("Heading 1", 14), ("Heading 2", 12), ("Normal", 10.5), ("Subtitle", 12)):
        style: Any = page.styles[name]
        style.font.size = Pt(size)
        if name != "Normal":
            style.font.color.rgb = _INK
    for section in page.sections:
        section.orientation, section.page_width, section.page_height = WD_ORIENT.PORTRAIT, Cm(21), Cm(29.7)
        section.left_margin = section.right_margin = Cm(2.3)
        section.top_margin, section.bottom_margin = Cm(2.3), Cm(2)
        head = section.header.paragraphs[0]
        head.alignment = WD_ALIGN_PARAGRAPH.CENTER
        mark = head.add_run("DRAFT")
        mark.bold, mark.font.color.rgb = True, _RED
        head.add_run(" \N{EM DASH} not checked, not sent, not legal advice").font.size = Pt(9)
        _foot(section.footer.paragraphs[0], draft.number)
    own = page.core_properties
    own.title, own.subject, own.author, own.last_modified_by = cut(shown(draft.title), 200), "", "forensics", "forensics"
    own.comments, own.keywords, own.language, own.revision = "", "", "en-GB", 1
    own.created = own.modified = _FIXED


def _foot(line: Paragraph, number: str) -> None:
    line.alignment = WD_ALIGN_PARAGRAPH.RIGHT
    said = [f"{shown(cut(number, 80))}    " if number else "", "Page ", "PAGE", " of ", "NUMPAGES"]
    for word in filter(None, said):
        run = line.add_run("" if word.isupper() and word in {"PAGE", "NUMPAGES"} else word)
        run.font.size = Pt(9)
        if word in {"PAGE", "NUMPAGES"}:
            _field(run, word)


def _field(run: Any, name: str) -> None:  # noqa: ANN401  a run of python-docx, whose XML is reached
    """A field that a word processor fills in: the page's number, or how many there are."""
    for kind in ("begin", "", "end"):
        if kind:
            mark = OxmlElement("w:fldChar")
            mark.set(qn("w:fldCharType"), kind)
        else:
            mark = OxmlElement("w:instrText")
            mark.set(qn("xml:space"), "preserve")
            mark.text = f" {name} "
        run._r.append(mark)  # noqa: SLF001  python-docx has no word for fields


def _add(page: Page, block: Block) -> None:
    if isinstance(block, Heading):
        page.add_heading(shown(block.text), level=block.level)
    elif isinstance(block, Para):
        line = page.add_paragraph()
        line.paragraph_format.space_after = Pt(6)
        line.paragraph_format.keep_with_next = block.line[-1] == ":"
        _say(line, block.line)
    elif isinstance(block, Bullet):
        line = page.add_paragraph(style="List Bullet")
        line.paragraph_format.space_after = Pt(3)
        _say(line, block.line)
    elif isinstance(block, Notice):
        line = page.add_paragraph()
        _shade(line._p.get_or_add_pPr(), "EDEDED")  # noqa: SLF001  python-docx has no word for shading
        _say(line, block.line)
        for run in line.runs:
            run.italic = True
    elif isinstance(block, Grid):
        _grid(page, block)
    else:
        page.add_paragraph().add_run().add_break(WD_BREAK.PAGE)


def _say(line: Paragraph, pieces: Line) -> None:
    for piece in pieces:
        if isinstance(piece, Blank):
            run = line.add_run(f"[TO FILL: {shown(piece.asks)}]")
            run.font.highlight_color = WD_COLOR_INDEX.YELLOW
        elif isinstance(piece, Source):
            run = line.add_run(f" [{shown(piece.file)}]")
            run.font.size, run.font.color.rgb = Pt(8), _GREY
        else:
            line.add_run(shown(piece))


def _grid(page: Page, block: Grid) -> None:
    table = page.add_table(rows=1, cols=len(block.head), style="Table Grid")
    table.autofit = False
    for cell, title in zip(table.rows[0].cells, block.head, strict=True):
        cell.paragraphs[0].add_run(shown(title)).bold = True
        _shade(cell._tc.get_or_add_tcPr(), "D9E2F3")  # noqa: SLF001  as above
    _mark_row(table.rows[0], "w:tblHeader")
    for row in block.rows:
        made = table.add_row()
        for cell, line in zip(made.cells, row, strict=True):
            _say(cell.paragraphs[0], line)
    for column, width in zip(table.columns, block.widths, strict=True):
        column.width = Cm(width)
    for made in table.rows:
        _mark_row(made, "w:cantSplit")
        for cell, width in zip(made.cells, block.widths, strict=True):
            cell.width = Cm(width)
            form = cell.paragraphs[0].paragraph_format
            form.space_before, form.space_after, form.line_spacing = Pt(2), Pt(2), 1.0
            for run in cell.paragraphs[0].runs:
                run.font.size = run.font.size or Pt(9.5)
    page.add_paragraph().paragraph_format.space_after = Pt(2)


def _mark_row(row: Any, name: str) -> None:  # noqa: ANN401  a row of python-docx, whose XML is reached
    row._tr.get_or_add_trPr().append(OxmlElement(name))  # noqa: SLF001  python-docx has no word for repeated or whole rows


def _shade(properties: Any, colour: str) -> None:  # noqa: ANN401  an element of the XML
    shading = OxmlElement("w:shd")
    for name, value in (("val", "clear"), ("color", "auto"), ("fill", colour)):
        shading.set(qn(f"w:{name}"), value)
    properties.append(shading)


def _packed(page: Page) -> bytes:
    """The document without the time at which it was packed."""
    made, packed = BytesIO(), BytesIO()
    relations = page.part.package.rels
    for name in [name for name, one in relations.items() if one.reltype.endswith("/thumbnail")]:
        relations.pop(name)  # a picture of the empty template
    page.save(made)
    with ZipFile(made) as source, ZipFile(packed, "w", ZIP_DEFLATED) as target:
        for name in _ordered(source.namelist()):
            entry = ZipInfo(name, _ZIPPED)
            entry.compress_type, entry.create_system, entry.external_attr = ZIP_DEFLATED, 3, 0o600 << 16
            target.writestr(entry, source.read(name))
    return packed.getvalue()


def _ordered(names: Iterable[str]) -> list[str]:
    """The list of contents first, as the format asks."""
    return sorted(names, key=lambda name: (name != "[Content_Types].xml", name))
