"""PostgreSQL's binary COPY format, for rows of an integer id, float8 columns and a
boolean label."""
import numpy

HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
END = b"\xff\xff"


def layout(n_columns):
    """A row: how many fields, and each with its size before it."""
    fields = [("n", ">i2"), ("id_size", ">i4"), ("id", ">i4")]
    for i in range(1, n_columns + 1):
        fields += [(f"f{i}_size", ">i4"), (f"f{i}", ">f8")]
    return numpy.dtype(fields + [("label_size", ">i4"), ("label", "u1")])


def write(stream, x, y):
    row_type = layout(x.shape[1])
    stream.write(HEADER)
    for first in range(0, len(x), 50_000):
        part = x[first:first + 50_000]
        rows = numpy.zeros(len(part), row_type)
        rows["n"] = x.shape[1] + 2
        for name in row_type.names:
            if name.endswith("_size"):
                rows[name] = row_type[name[:-5]].itemsize
        rows["id"] = numpy.arange(first + 1, first + 1 + len(part))
        for i in range(x.shape[1]):
            rows[f"f{i + 1}"] = part[:, i]
        rows["label"] = y[first:first + 50_000]
        stream.write(rows.tobytes())
    stream.write(END)


def read(path, n_columns):
    """x and y of a file that COPY wrote."""
    row_type = layout(n_columns)
    with open(path, "rb") as file:
        assert file.read(len(HEADER)) == HEADER
        rows = numpy.fromfile(file, row_type)
    values = numpy.ndarray((len(rows), n_columns), ">f8", rows, row_type.fields["f1"][1], (row_type.itemsize, 12))
    return values.astype(numpy.float32), rows["label"].astype(numpy.uint8)
