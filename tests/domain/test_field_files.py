"""Base64, images and PDFs of registration fields."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.field_files import decode_base64, image, pdf
from tests.domain.samples import PDF, base64, jpeg, jpeg_segment, png, png_chunk

GIF = b"GIF89a\x01\x00\x01\x00\x80\x00\x00\xff\xff\xff\x00\x00\x00!\xf9\x04\x01\x00\x00\x00\x00,\x00;"


@pytest.mark.parametrize(
    ("text", "content"),
    [
        ("", b""),
        ("Pj8+Pw==", b">?>?"),
        ("Pj8+Pw", b">?>?"),
        ("Pj8-Pw==", b">?>?"),
        ("Pj8-Pw", b">?>?"),
        ("//79", b"\xff\xfe\xfd"),
        ("__79", b"\xff\xfe\xfd"),
    ],
)
def test_base64_is_read_in_both_alphabets_and_without_padding(text, content):
    assert decode_base64(text) == content


@pytest.mark.clause("WG1-02-3.7-06", "WG1-02-3.7-07")
@pytest.mark.parametrize(
    "text",
    [
        "Pj8+Pw=",
        "Pj8+Pw===",
        "====",
        "A",
        "Pj8+ Pw==",
        "Pj8+\nPw==",
        " Pj8+Pw==",
        "Pj8+P-==",
        "P=j8",
        "Pj8é",
        "Pj8\x00",
        "data:image/png;base64,Pj8+",
    ],
)
def test_what_is_no_base64_is_not_read(text):
    assert decode_base64(text) is None


@given(st.binary(), st.booleans(), st.booleans())
def test_all_bytes_come_back(content, padded, url_safe):
    text = base64(content)
    if not padded:
        text = text.rstrip("=")
    if url_safe:
        text = text.replace("+", "-").replace("/", "_")

    assert decode_base64(text) == content
    assert decode_base64(text, max_size_bytes=len(content)) == content
    if content:
        assert decode_base64(text, max_size_bytes=len(content) - 1) is None


@given(st.text() | st.text(alphabet="AZaz09+/-_= \n"))
def test_no_text_breaks_base64(text):
    decode_base64(text, max_size_bytes=100)


@pytest.mark.clause("WG1-02-3.7-06")
@pytest.mark.parametrize(
    ("content", "mime_type"),
    [
        (png(), "image/png"),
        (png(comment=b"hello"), "image/png"),
        (jpeg(), "image/jpeg"),
        (jpeg() + b"trailing bytes of a camera", "image/jpeg"),
        (jpeg().replace(b"\xff\xc0", b"\xff\xff\xff\xc2"), "image/jpeg"),
    ],
)
def test_images_are_known_by_their_content(content, mime_type):
    found = image(content)

    assert found is not None
    assert found == (content, mime_type)


@pytest.mark.clause("WG1-02-3.7-06")
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"some text",
        GIF,
        PDF,
        png()[:-1],
        png()[:-12],
        png()[:8],
        png()[:33],
        png().replace(b"IHDR", b"IHDX"),
        png().replace(b"IDAT", b"IDAX"),
        png().replace(b"\x00\x00\x00\x01\x08", b"\x00\x00\x00\x02\x08"),
        png(width=0),
        png(width=50_000, height=50_000),
        b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", b"\x00\x00\x00\x01\x00\x00\x00\x01\x07\x00\x00\x00\x00"),
        b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", b"short"),
        b"\x89PNG\r\n\x1a\n" + (2**31).to_bytes(4) + b"IHDR" + b"x" * 20,
        b"\xff\xd8\xff\xd9",
        b"\xff\xd8\xff\xe0",
        b"\xff\xd8\xff",
        b"\xff\xd8 not a marker \xff\xd9",
        jpeg()[:-2],
        jpeg(width=0),
        jpeg(width=60_000, height=60_000),
        b"\xff\xd8" + jpeg_segment(0xDA, b"scan before frame") + b"\xff\xd9",
        b"\xff\xd8\xff\xe0\x00\x00" + jpeg()[2:],
        b"\xff\xd8\xff\xe0\xff\xff" + jpeg()[2:],
    ],
)
def test_what_is_no_whole_image_is_refused(content):
    assert image(content) is None


def test_markers_without_content_are_skipped():
    assert image(b"\xff\xd8\xff\x01" + jpeg()[2:]) is not None


@given(
    st.binary(), st.sampled_from([b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"%PDF-1.4\n", png()[:33], jpeg()[:15]])
)
def test_no_bytes_break_the_checks(content, start):
    image(start + content)
    pdf(start + content)


@pytest.mark.clause("WG1-02-3.7-07")
def test_a_pdf_has_its_header_first_and_its_marker_near_the_end():
    assert pdf(PDF) == (PDF, "application/pdf")
    assert pdf(PDF + b"\n" * 500) is not None
    for content in (b"", b"text", b" " + PDF, PDF[:-8], PDF + b"\n" * 2000, b"%PDF-9.9\n%%EOF", b"%PDF-\n%%EOF", png()):
        assert pdf(content) is None
