"""Ways to spoil mask files, each decided by a random generator."""

import io
import json
import resource
import time
import tracemalloc
import zipfile

import numpy as np

MOST = 4 << 20  # bytes that reading a file of some thousand may take
SECONDS = 10

NUMBERS = [
    -1,
    0,
    1,
    2,
    7,
    1 << 20,
    1 << 31,
    1 << 32,
    1 << 40,
    1 << 62,
    1 << 63,
    1 << 64,
    10**30,
    1.5,
    "3",
    None,
    [],
    {},
]
TYPES = ["BOOL", "U8", "I8", "F16", "BF16", "F32", "I64", "F64", "F8_E4M3", "C64", "PICKLE", "", 3, None]
DESCRIPTIONS = [
    "|O",
    "<f8",
    "|b1",
    "|u1",
    "<U9",
    "|V8",
    "<c8",
    "<M8[s]",
    ">i4",
    "<f9",
    "[('a', '<f4')]",
    "",
    "O",
    "|b1', '",
]


def of_bytes(content, random):
    """Flipped bits, other bytes, truncation, insertion, garbage at the end, digits that become nines."""
    content, kind = bytearray(content), random.integers(9)
    place = int(random.integers(len(content)))
    if kind == 0:
        return bytes(content[:place])
    if kind == 1:
        content += random.bytes(int(random.integers(1, 200)))
    elif kind == 2:
        content[:8] = random.bytes(8) if random.integers(2) else (1 << int(random.integers(63))).to_bytes(8, "little")
    elif kind == 3:
        content[place:place] = random.bytes(int(random.integers(1, 40)))
    elif kind == 4:
        digits = [i for i, byte in enumerate(content) if chr(byte).isdigit()]
        content[digits[int(random.integers(len(digits)))]] = ord("9")
    elif kind == 5:
        del content[place : place + int(random.integers(1, 9))]
    elif kind == 6:
        content[place : place + 8] = random.bytes(8)
    else:
        for i in random.integers(len(content), size=1 if kind == 7 else 5):
            content[i] ^= 1 << int(random.integers(8))
    return bytes(content)


def of_header(content, random):
    """A safetensors file whose header is JSON and lies: about a shape, a type, a place, or with a name twice."""
    end = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:end])
    names = [name for name in header if name != "__metadata__"]
    entry, kind = header[names[int(random.integers(len(names)))]], random.integers(6)
    number = NUMBERS[int(random.integers(len(NUMBERS)))]
    if kind == 0:
        entry["shape"][int(random.integers(len(entry["shape"])))] = number
    elif kind == 1:
        entry["data_offsets"][int(random.integers(2))] = number
    elif kind == 2:
        entry["dtype"] = TYPES[int(random.integers(len(TYPES)))]
    elif kind == 3:
        entry[list(entry)[int(random.integers(3))]] = number
    elif kind == 4:
        entry["shape"] = [int(n) for n in random.integers(0, 1 << int(random.integers(1, 60)), size=random.integers(6))]
    text = json.dumps(header)
    if kind == 5:
        text = text.replace(json.dumps(names[0]), json.dumps(names[-1]), 1)
    return len(text).to_bytes(8, "little") + text.encode() + content[end:]


def of_member(arrays, random):
    """An npz file, sound as an archive, one of whose arrays is spoilt."""
    spoilt = list(arrays)[int(random.integers(len(arrays)))]
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            content = io.BytesIO()
            np.lib.format.write_array(content, array)
            content = content.getvalue()
            if name == spoilt and random.integers(2):
                content = of_bytes(content, random)
            elif name == spoilt:
                shape = ", ".join(
                    str(NUMBERS[int(i)]) for i in random.integers(len(NUMBERS), size=random.integers(1, 5))
                )
                kind = DESCRIPTIONS[int(random.integers(len(DESCRIPTIONS)))]
                content = npy(f"{{'descr': '{kind}', 'fortran_order': False, 'shape': ({shape},), }}", content[-64:])
            archive.writestr(f"{name}.npy", content)
    return out.getvalue()


def npy(header, content):
    """An npy file with whatever header."""
    text = (header + " " * (-(11 + len(header)) % 64) + "\n").encode()
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + content


def read_carefully(read, path, content):
    """What `read` makes of a file, None if it refuses it: with a ValueError that names it, soon, and in little memory."""
    path.write_bytes(content)
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
    tracemalloc.start()
    try:
        return read(path)
    except ValueError as error:
        assert path.name in str(error) and len(str(error)) < 700, error
        return None
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) << 10  # what is not Python's, too
        assert peak < MOST and grown < 16 * MOST, f"{peak:,} or {grown:,} bytes for a file of {len(content):,}"
        assert time.monotonic() - start < SECONDS
