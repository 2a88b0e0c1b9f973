"""Bit depth, blocks, software and marks of generators, in files as cameras, editors and generators write them."""

import io
import struct
import time
import tracemalloc
import zlib
from collections import Counter

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from crossgen.data import exif, marks
from crossgen.data.images import Header, decode, read_header
from mutations import chunk, corpus, mutant, png, rarer

COLOUR = Image.fromarray(np.random.default_rng(0).integers(0, 256, (16, 24, 3), np.uint8))
XMP = '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF><rdf:Description {}/></rdf:RDF></x:xmpmeta>'  # as RDF, shortened
SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/"
A1111 = "a cat, masterpiece\nNegative prompt: blurry\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1, Size: 512x512"


def saved(kind: str, image: Image.Image = COLOUR, **options) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def exif_of(comment: bytes | None = None, **tags: str) -> Image.Exif:
    found = Image.Exif()
    for name, text in tags.items():
        found[getattr(exif, name)] = text
    if comment is not None:
        found.get_ifd(0x8769)[exif.USER_COMMENT] = comment
    return found


def png_texts(**texts: str) -> bytes:
    info = PngInfo()
    for name, text in texts.items():
        info.add_text(name.replace("_", "-") if name == "sd_metadata" else name, text)
    return saved("PNG", pnginfo=info)


def jumbf(label: bytes = b"c2pa", content: bytes = b"") -> bytes:
    """ISO 19566-5: a superbox whose description box has a label."""
    described = struct.pack(">I4s16sB", 8 + 17 + len(label) + 1, b"jumd", label[:4] + bytes(12), 3) + label + b"\0"
    return struct.pack(">I4s", 8 + len(described) + len(content), b"jumb") + described + content


def in_jpeg(box: bytes, size: int = 60_000) -> bytes:
    """C2PA in JPEG: APP11 segments, each with JP, number of the box, of the segment, and the box's head again."""
    blob, segments = saved("JPEG"), b""
    head, body = box[:8], box[8:]
    for number, start in enumerate(range(0, len(body), size), start=1):
        payload = b"JP" + struct.pack(">HI", 1, number) + head + body[start : start + size]
        segments += b"\xff\xeb" + struct.pack(">H", len(payload) + 2) + payload
    return blob[:2] + segments + blob[2:]


def in_webp(name: bytes, data: bytes) -> bytes:
    blob = saved("WEBP", lossless=True, exif=exif_of(MAKE="x"))  # of the extended kind, which may hold more chunks
    more = name + struct.pack("<I", len(data)) + data + bytes(len(data) % 2)
    return blob[:4] + struct.pack("<I", len(blob) - 8 + len(more)) + blob[8:] + more


def with_xmp(kind: str, packet: bytes) -> bytes:
    return saved(kind, tiffinfo={700: packet}) if kind == "TIFF" else saved(kind, xmp=packet)


def told(blob: bytes) -> Header:
    header = read_header(blob)
    assert header.quarantine is None
    return header


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF", "TIFF"])
def test_blocks_are_seen_where_they_are_and_nowhere_else(kind):
    plain = told(saved(kind))
    assert (plain.exif, plain.icc, plain.xmp, plain.software, plain.ai_marker) == (False, False, False, None, None)
    assert (plain.bit_depth, plain.frames) == (8, 1)
    packet = XMP.format('xmp:CreatorTool="Adobe Photoshop 25.0 (Windows)"').encode()
    if kind != "PNG":
        header = told(with_xmp(kind, packet))
        assert (header.xmp, header.exif, header.software) == (True, False, "Adobe Photoshop 25.0 (Windows)")
    assert told(saved(kind, icc_profile=profile())).icc is True
    camera = told(saved(kind, exif=exif_of(MAKE="Canon", MODEL="Canon EOS 10D", SOFTWARE="GIMP 2.10\0")))
    assert (camera.exif, camera.software, camera.icc) == (True, "Canon EOS 10D; GIMP 2.10", False)
    assert told(saved(kind, exif=exif_of(MAKE="NIKON", MODEL="D90"))).software == "NIKON D90"


def profile() -> bytes:
    from PIL import ImageCms

    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def test_xmp_of_png_plain_and_deflated():
    packet = XMP.format('xmp:CreatorTool="Krita"')
    for deflated in (False, True):
        info = PngInfo()
        info.add_itxt("XML:com.adobe.xmp", packet, zip=deflated)
        header = told(saved("PNG", pnginfo=info))
        assert (header.xmp, header.software, header.ai_marker) == (True, "Krita", None)


def test_imagemagicks_hexadecimal_profiles():
    block = exif_of(MAKE="Pentax", MODEL="K10D").tobytes()
    for kind, data, seen in (("exif", block, "exif"), ("icc", b"profile", "icc"), ("xmp", b"<x:xmpmeta/>", "xmp")):
        info = PngInfo()
        lines = "\n".join(data.hex()[at : at + 72] for at in range(0, 2 * len(data), 72))
        info.add_text(f"Raw profile type {kind}", f"\n{kind}\n{len(data):8}\n{lines}\n", zip=True)
        header = told(saved("PNG", pnginfo=info))
        assert [name for name in ("exif", "icc", "xmp") if getattr(header, name)] == [seen]
        assert header.software == ("Pentax K10D" if kind == "exif" else None)


@pytest.mark.parametrize(
    ("blob", "depth"),
    [
        (png(24, 16, bytes(16 * 73)), 8), (png(24, 16, bytes(16 * 145), depth=16), 16),
        (png(24, 16, bytes(16 * 4), depth=1, colour=0), 1), (png(24, 16, bytes(16 * 13), depth=4, colour=0), 4),
        (saved("TIFF", COLOUR.convert("1")), 1), (saved("TIFF", Image.fromarray(np.zeros((4, 4), np.uint16))), 16),
        (saved("BMP", COLOUR.convert("1")), 1), (saved("BMP"), 8), (saved("GIF", COLOUR.quantize(16)), 8),
    ],
)  # fmt: skip
def test_bit_depth(blob, depth):
    assert told(blob).bit_depth == depth


def test_bit_depth_of_avif():
    """Pillow writes 8 bits; of others the bits of the AV1 configuration record are changed (AV1-ISOBMFF 2.3.3)."""
    blob = saved("AVIF")
    at = blob.index(b"av1C") + 6
    for flags, depth in ((0x00, 8), (0x40, 10), (0x60, 12)):
        changed = blob[:at] + bytes([blob[at] & 0x1F | flags]) + blob[at + 1 :]
        assert marks.of(Image.open(io.BytesIO(blob)), changed).bit_depth == depth


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF"])
def test_pictures_are_counted(kind):
    others = [Image.fromarray(np.full((16, 24, 3), value, np.uint8)) for value in (0, 200)]
    header = read_header(saved(kind, save_all=True, append_images=others))
    assert (header.frames, header.quarantine) == (3, "animated")


@pytest.mark.parametrize(
    ("stated", "code"),
    [
        ("trainedAlgorithmicMedia", "iptc_trained_algorithmic"),
        ("compositeWithTrainedAlgorithmicMedia", "iptc_composite_algorithmic"),
        ("algorithmicMedia", "iptc_algorithmic"),
        ("digitalCapture", None),
    ],
)
def test_digital_source_type(stated, code):
    packet = XMP.format(f'Iptc4xmpExt:DigitalSourceType="{SOURCE_TYPE}{stated}"').encode()
    for kind in ("JPEG", "WEBP", "AVIF", "TIFF"):
        assert told(with_xmp(kind, packet)).ai_marker == code
    assert told(in_jpeg(jumbf(content=SOURCE_TYPE.encode() + stated.encode()))).ai_marker == "+".join(
        filter(None, ["c2pa", code])
    )


def test_c2pa_manifests():
    large = jumbf(content=bytes(150_000) + SOURCE_TYPE.encode() + b"trainedAlgorithmicMedia")
    blob = saved("PNG")
    for with_manifest in (
        in_jpeg(large),
        blob[:33] + chunk(b"caBX", large) + blob[33:],
        in_webp(b"C2PA", large),
    ):
        assert told(with_manifest).ai_marker == "c2pa+iptc_trained_algorithmic"
        decode(with_manifest)
    assert told(in_jpeg(jumbf(label=b"exampl"))).ai_marker is None  # JUMBF is used for other things
    assert told(in_webp(b"XTRA", large)).ai_marker is None
    avif = saved("AVIF")
    box = bytes.fromhex("d8fec3d61b0e483c92975828877ec481") + jumbf()
    assert told(avif + struct.pack(">I4s", 8 + len(box), b"uuid") + box).ai_marker == "c2pa"
    tiff = saved("TIFF", tiffinfo={0xCD41: jumbf()})
    assert told(tiff).ai_marker == "c2pa"


@pytest.mark.parametrize(
    ("texts", "code"),
    [
        ({"parameters": A1111}, "sd_parameters"),
        ({"prompt": '{"3": {"class_type": "KSampler"}}', "workflow": "{}"}, "comfyui"),
        ({"Dream": '"a cat" -s50'}, "invokeai"),
        ({"sd_metadata": "{}"}, "invokeai"),
        ({"Software": "NovelAI", "Comment": "{}"}, "novelai"),
        ({"Description": "a cat --v 5 Job ID: 3f0a9b4c-1111-2222-3333-444455556666"}, "midjourney"),
        ({"AIGC": '{"Label": "1"}'}, "tc260_aigc"),
        ({"Software": "Adobe ImageReady", "Comment": "Steps: taken", "Description": "parameters"}, None),
    ],
)
def test_texts_of_generators(texts, code):
    assert told(png_texts(**texts)).ai_marker == code


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "PNG"])
@pytest.mark.parametrize("encoding", ["utf-16-be", "utf-16-le", None])
def test_parameters_in_a_user_comment(kind, encoding):
    comment = b"UNICODE\0" + A1111.encode(encoding) if encoding else b"ASCII\0\0\0" + A1111.encode()
    assert told(saved(kind, exif=exif_of(comment, MODEL="x"))).ai_marker == "sd_parameters"
    assert told(saved(kind, exif=exif_of(b"ASCII\0\0\0Steps: 3, on the left", MODEL="x"))).ai_marker is None


def test_a_workflow_in_the_place_of_the_camera():
    header = told(saved("WEBP", exif=exif_of(MAKE='workflow:{"nodes": []}', MODEL='prompt:{"3": {}}')))
    assert (header.ai_marker, header.software) == ("comfyui", None)


def test_software_is_short_and_on_one_line():
    header = told(saved("JPEG", exif=exif_of(SOFTWARE="a\nb\x1b[31m\x7f" + "c" * 5000)))
    assert header.software.startswith("a b [31m c") and len(header.software) == marks.LONGEST
    assert header.software.isprintable()
    assert told(saved("JPEG", exif=exif_of(SOFTWARE="  \n "))).software is None
    comment = b"CREATOR: gd-jpeg v1.0 (using IJG JPEG v62), quality = 90\n"
    assert told(saved("JPEG", comment=comment)).software == comment.decode().strip()
    assert told(saved("JPEG", comment=b"my holidays")).software is None
    both = told(saved("JPEG", exif=exif_of(SOFTWARE="GIMP"), xmp=XMP.format('xmp:CreatorTool="GIMP"').encode()))
    assert both.software == "GIMP"


def hostile_blocks():
    """EXIF whose entries are many, point outside, at themselves, or are as long as a field can say."""
    for order, head in (("<", b"II*\0"), (">", b"MM\0*")):
        entry = struct.pack(order + "HHII", exif.SOFTWARE, 2, 0xFFFFFFFF, 8)
        yield head + struct.pack(order + "IH", 8, 0xFFFF) + entry * 5000
        yield head + struct.pack(order + "IH", 8, 2) + struct.pack(order + "HHII", 0x8769, 4, 1, 8) * 2
        yield head + struct.pack(order + "I", 0xFFFFFFFF)
        yield head + struct.pack(order + "IH", 8, 1) + struct.pack(order + "HHII", exif.MAKE, 99, 7, 0xFFFFFFF0)
        yield head
    yield from (b"", b"Exif\0\0", b"II", bytes(64))


@pytest.mark.filterwarnings("ignore:Tag data larger", "ignore:Corrupt EXIF")
@pytest.mark.parametrize("block", list(hostile_blocks()))
def test_hostile_exif_costs_nothing(block):
    begun = time.process_time()
    found = exif.texts(block)
    assert all(len(text) <= 4096 for text in found.values())
    assert read_header(saved("JPEG", exif=b"Exif\0\0" + block[:60_000])).width == 24
    assert time.process_time() - begun < 0.5


def test_every_cut_of_exif_is_read():
    block = exif_of(b"ASCII\0\0\0" + A1111.encode(), MAKE="Canon", SOFTWARE="GIMP").tobytes()
    assert len(exif.texts(block)) == 3
    for length in range(len(block)):
        exif.texts(block[:length])


def test_a_text_that_unpacks_to_much_is_cut():
    packed = chunk(b"zTXt", b"note\0\0" + zlib.compress(b"x" * 900_000))
    blob = saved("PNG")
    assert told(blob[:33] + packed + blob[33:]).ai_marker is None
    late = blob[:-12] + chunk(b"tEXt", b"parameters\0" + A1111.encode()) + blob[-12:]
    assert told(late).ai_marker == "sd_parameters"  # behind the pixels, of a file that is read whole


def test_many_texts_that_unpack_to_much_cost_nothing():
    packed = zlib.compress(b"x" * 2_000_000, 9)
    flood = b"".join(chunk(b"zTXt", b"note%d\0\0" % number + packed) for number in range(3000))  # 6 GB
    blob = saved("PNG")
    begun = time.process_time()
    tracemalloc.start()
    assert told(blob[:-12] + flood + blob[-12:]).ai_marker is None
    assert tracemalloc.get_traced_memory()[1] < 60e6
    tracemalloc.stop()
    assert time.process_time() - begun < 2


def marked() -> dict[str, bytes]:
    """Files that hold everything at once, by kinds that the mutations know."""
    block = exif_of(b"ASCII\0\0\0" + A1111.encode(), MAKE="Canon", MODEL="D90", SOFTWARE="GIMP")
    packet = XMP.format(f'xmp:CreatorTool="Krita" d="{SOURCE_TYPE}trainedAlgorithmicMedia"').encode()
    text = PngInfo()
    text.add_text("parameters", A1111, zip=True)
    text.add_itxt("XML:com.adobe.xmp", packet.decode(), zip=True)
    blob = saved("PNG", exif=block, icc_profile=profile(), pnginfo=text)
    jpeg = saved("JPEG", exif=block, xmp=packet, icc_profile=profile(), comment=b"CREATOR: gd")
    segments = in_jpeg(jumbf(content=b"trainedAlgorithmicMedia"))
    webp = saved("WEBP", exif=block, xmp=packet, icc_profile=profile())
    return {
        "jpeg": jpeg[:2] + segments[2 : segments.index(b"\xff\xe0")] + jpeg[2:],
        "png": blob[:33] + chunk(b"caBX", jumbf()) + blob[33:],
        "webp": webp,
    }


@pytest.mark.filterwarnings("ignore")
def test_mutated_marks_never_crash():
    files = marked()
    assert [read_header(blob).ai_marker for blob in files.values()] == [
        "c2pa+iptc_trained_algorithmic+sd_parameters", "c2pa+iptc_trained_algorithmic+sd_parameters",
        "iptc_trained_algorithmic+sd_parameters",
    ]  # fmt: skip
    codes = Counter()
    for number in range(3000):
        header = read_header(mutant(files, 7, number)[2])
        assert header.software is None or (header.software.isprintable() and len(header.software) <= marks.LONGEST)
        codes[header.ai_marker] += 1
    assert len(codes) > 5  # whole ones, none, and parts


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", ["TIFF", "AVIF", "GIF", "BMP"])
def test_other_kinds_never_crash_either(kind):
    others = {"TIFF": {"tiffinfo": {700: b"<x/>", 0xCD41: jumbf()}}, "AVIF": {"xmp": b"<x/>"}}
    blob = saved(kind, exif=exif_of(MAKE="Canon"), **others.get(kind, {}))
    random = np.random.default_rng(8)
    for _ in range(400):
        changed = bytearray(blob)
        for place in random.integers(min(len(blob), 600), size=random.integers(1, 5)):
            changed[place] = random.integers(256)
        read_header(bytes(changed[: random.integers(len(blob) // 2, len(blob) + 1)]))


def test_kinds_without_any_mark():
    for name, blob in (corpus() | rarer()).items():
        header = read_header(blob)
        assert header.ai_marker is None and header.software is None, name
        assert header.exif == header.icc == ("thumbnail" in name) or name in ("mpo", "tiff"), name
