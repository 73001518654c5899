"""From bytes to rows: what is read, and that nothing broken is read as whole."""

from __future__ import annotations

import io
import pickle
from typing import Any

import pytest

from netcancel.errors import ConfigurationError
from netcancel.reconcile import Layout, Row, UnreadableSettlement, read_settlement
from tests.canaries import CARD, leaks_in
from tests.reconcile.samples import HEADER, TID, read, text_of

KINDS: dict[str, Any] = {"kind_column": "구분", "refund_value": ("취소",)}


def amounts(*cells: str) -> list[int]:
    """Read amounts, those of refunds as negative."""
    rows = read(text_of([(TID, "A", cell, "20231225", "") for cell in cells]))
    return [-row.amount if row.is_refund else row.amount for row in rows]


def refused(content: bytes, **options: Any) -> UnreadableSettlement:
    """Return why a file is refused; a cell of it is never shown."""
    with pytest.raises(UnreadableSettlement) as caught:
        read(content, **options)
    assert leaks_in(str(caught.value)) == []
    assert "cell-canary" not in str(caught.value)
    return caught.value


def test_a_file_by_the_manuals_names() -> None:
    """The wire names need no mapping; columns that nobody asks for are left alone."""
    header = (*HEADER, "비고", "비고")
    rows = [
        (TID, "A", "10,000", "20231225", "12345678", "x", "y"),
        (TID, "B", "-5", "20231226", *"   "),
    ]
    assert read(text_of(rows, header)) == [
        Row(2, TID, "A", 10_000, is_refund=False, date="20231225", aprv_no="12345678"),
        Row(3, TID, "B", 5, is_refund=True, date="20231226", aprv_no=None),
    ]


def test_a_file_with_the_least() -> None:
    """Numbers and amounts are enough, if it is known whose file it is."""
    content = b"mercTrxNo,trxAmt\nA,1\n"
    assert read(content, tid="T9") == [
        Row(2, "T9", "A", 1, is_refund=False, date=None, aprv_no=None)
    ]
    for nobody in (None, ""):
        with pytest.raises(ConfigurationError, match="--tid"):
            read(content, tid=nobody)


def test_the_terminal_is_the_files_where_it_has_one() -> None:
    """A file with a column of terminals isn't one terminal's, whatever is configured."""
    told = read_settlement(io.BytesIO(text_of([])), Layout(), tid="T9")
    assert told.only_tid is None
    alone = read_settlement(io.BytesIO(b"mercTrxNo,trxAmt\n"), Layout(), tid="T9")
    assert alone.only_tid == "T9"


KOREAN = "단말기,주문번호,금액,거래일자,승인번호,구분\n{rows}"
MAPPED: dict[str, Any] = {
    "tid_column": "단말기",
    "number_column": "주문번호",
    "amount_column": "금액",
    "date_column": "거래일자",
    "approval_number_column": "승인번호",
    "date_format": "yyyy-MM-dd",
    **KINDS,
}


@pytest.mark.parametrize("encoding", ["utf-8", "cp949"])
def test_korean_columns(encoding: str) -> None:
    """CP949 is read whole, with the syllables that EUC-KR lacks."""
    text = KOREAN.format(
        rows="T1,똠방-1,1000,2023-12-25,1,승인\nT1,똠방-1,1000,2023-12-26,1,취소\n"
    )
    assert read(text.encode(encoding), encoding=encoding, **MAPPED) == [
        Row(2, "T1", "똠방-1", 1_000, is_refund=False, date="20231225", aprv_no="1"),
        Row(3, "T1", "똠방-1", 1_000, is_refund=True, date="20231226", aprv_no="1"),
    ]


def test_the_mark_of_utf_8_is_no_part_of_a_name() -> None:
    """Spreadsheets write it before the first column's name."""
    assert len(read(b"\xef\xbb\xbf" + text_of([(TID, "A", 1, "20231225", "")]))) == 1


@pytest.mark.parametrize("delimiter", [";", "|", "^", "\t"])
def test_other_delimiters(delimiter: str) -> None:
    """A file may be separated by something else than commas."""
    content = f"mercTrxNo{delimiter}trxAmt\nA{delimiter}1,000\n".encode()
    assert [row.amount for row in read(content, delimiter=delimiter, tid="T9")] == [1_000]


def test_quotes_and_line_ends() -> None:
    """A quoted cell may hold delimiters, quotes and lines; a row's line is where it begins."""
    content = b'mercTrxNo,trxAmt,memo\r\n\r\n"A","1,000","two\r\nlines, ""quoted"""\r\n\nB,2,x\n'
    assert [(row.line, row.merc_trx_no, row.amount) for row in read(content, tid="T9")] == [
        (3, "A", 1_000),
        (6, "B", 2),
    ]


def test_padding_is_no_part_of_a_cell() -> None:
    """Spaces around names, numbers, amounts and dates are left out."""
    content = b" mercTrxNo ,trxAmt  ,tranDt\n A  ,   1000, 20231225 \n"
    [row] = read(content, tid="T9")
    assert (row.merc_trx_no, row.amount, row.date) == ("A", 1_000, "20231225")


def test_amounts() -> None:
    """Digits, with or without commas between thousands, a minus, and a spreadsheet's ".00"."""
    assert amounts("0", "007", "1000", "1,000", "-1,234,567", "12.00", "-1,000.00") == [
        *(0, 7, 1_000, 1_000, -1_234_567, 12, -1_000)
    ]
    assert amounts("999999999999", "999,999,999,999") == [999_999_999_999] * 2


@pytest.mark.parametrize(
    "cell",
    "|1.0|1.50|.00|1,00|1,0000|,100|1,,000|+1|--1|-|(1,000)|△1000|1e3|１２３|٣|1 000|₩1000|0x1|"
    "1_000|1000000000000|1,000,000,000,000|NaN|-1.000".split("|"),
)
def test_amounts_that_are_none(cell: str) -> None:
    """Whatever else stands there is refused with its line."""
    error = refused(text_of([(TID, "A", 1, "20231225", ""), (TID, "B", cell, "20231225", "")]))
    assert error.line == 3
    assert "amount" in str(error)


@pytest.mark.parametrize(
    ("pattern", "cell"),
    [
        ("yyyyMMdd", "20240229"),
        ("yyyy-MM-dd", "2024-02-29"),
        ("yyyy.MM.dd", "2024.02.29"),
        ("yy/MM/dd", "24/02/29"),
        ("dd/MM/yyyy", "29/02/2024"),
        ("yyyy-MM-dd HH:mm:ss", "2024-02-29 23:59:59"),
        ("yyyyMMddHHmmss", "20240229235959"),
        ("yyyy-MM-ddTHH:mm", "2024-02-29T23:59"),
        ("yyyy년 MM월 dd일", "2024년 02월 29일"),
    ],
)
def test_dates(pattern: str, cell: str) -> None:
    """A pattern says where year, month and day stand; a time of day is left out."""
    [row] = read(text_of([(TID, "A", 1, cell, "")]), date_format=pattern)
    assert row.date == "20240229"


@pytest.mark.parametrize(
    "cell",
    ["", "20230229", "2023111", "20231301", "00000000", "２０２４0229", "2024-02-29", "202402290"],
)
def test_dates_that_are_none(cell: str) -> None:
    """Neither half a date nor one that no calendar has slips through."""
    error = refused(text_of([(TID, "A", 1, cell, "")]))
    assert error.line == 2
    assert "date" in str(error)


def test_a_kind_of_charge_that_was_not_there_before_is_refused() -> None:
    """Taken for a charge, another word for a refund would hide a lost sale."""
    rows = [("A", 1, "승인"), ("A", 1, "취소"), ("B", -1, "승인"), ("C", 1, "부분취소")]
    header = ("mercTrxNo", "trxAmt", "구분")
    error = refused(text_of(rows, header), tid=TID, **KINDS)
    assert error.line == 5
    assert "charge_value" in str(error)
    told = read(
        text_of(rows, header),
        tid=TID,
        kind_column="구분",
        refund_value=("취소", "부분취소"),
        charge_value=("승인", "할부"),
    )
    assert [row.is_refund for row in told] == [False, True, True, True]
    error = refused(text_of([("A", 1, "x")], header), tid=TID, charge_value=("승인",), **KINDS)
    assert error.line == 2


GOOD = b"mercTrxNo,trxAmt,memo\nA,1,x\n"


@pytest.mark.parametrize(
    ("content", "line", "part"),
    [
        (b"", None, "empty"),
        (b"\xef\xbb\xbf", None, "empty"),
        (b"\n\r\n", None, "empty"),
        (b"A,1,x\nB,1,x\n", 1, "no column 'mercTrxNo'"),
        (b"mercTrxNo,memo\nA,x\n", 1, "no column 'trxAmt'"),
        (b"mercTrxNo;trxAmt\nA;1\n", 1, "delimiter"),
        (b"mercTrxNo,trxAmt,mercTrxNo\nA,1,A\n", 1, "2 times"),
        (b"mercTrxNo,trxAmt,tranDt,tranDt\nA,1,A\n", 1, "2 times"),
        (GOOD + b"B,1\n", 3, "2 cells where the header has 3"),
        (GOOD + b"B,1,x,y\n", 3, "4 cells"),
        (GOOD + b"B\n", 3, "1 cells"),
        (GOOD + b" \n", 3, "1 cells"),
        (GOOD + b"B,1,\xb0\xa1\n", 3, "UTF-8"),
        (GOOD + b"B,1,\xed\xa0\x80\n", 3, "UTF-8"),
        (GOOD + b"B,1,\x00\n", 3, "NUL"),
        (GOOD + b'B,1,"cell-canary\n' + b"C,1,x\n" * 3, 3, "quoted"),
        (GOOD + b'B,1,"cell-canary\n' + b"C,1,x\n" * 50_000, 3, "quoted"),
        (GOOD + b'B,1,"x"cell-canary\n', 3, "quoted"),
        (GOOD + b"B,1\r,x\n", 3, "line end"),
        (GOOD + b"B,1,x", 3, "middle of this line"),
        (GOOD + b"B,1", 3, "middle of this line"),
        (GOOD.replace(b"\n", b"\r"), 1, "middle of this line"),
        (GOOD + b"B,1," + b"x" * 70_000 + b"\n", 3, "longer than"),
        (GOOD + b",1,x\n", 3, "'mercTrxNo' is empty"),
        (GOOD + b"  ,1,x\n", 3, "'mercTrxNo' is empty"),
        (GOOD + b"B\xe2\x80\xae,1,x\n", 3, "names nothing"),
        (GOOD + b'"B\n",1,x\n', 3, "names nothing"),
        (GOOD + b"B" * 129 + b",1,x\n", 3, "names nothing"),
        (GOOD + f"B,{CARD},x\n".encode(), 3, "amount"),
        (GOOD + b"B,cell-canary,x\n", 3, "amount"),
    ],
)
def test_a_broken_file_is_refused(content: bytes, line: int | None, part: str) -> None:
    """The sentence names the line and what is wrong with it."""
    error = refused(content, tid=TID)
    assert error.line == line
    assert part in str(error)
    if line is not None:
        assert f"line {line}: " in str(error)


@pytest.mark.parametrize("role", ["date_column", "tid_column", "approval_number_column"])
def test_a_column_that_was_asked_for_must_be_there(role: str) -> None:
    """Only a default may be missing."""
    error = refused(GOOD, tid=TID, **{role: "elsewhere"})
    assert "'elsewhere'" in str(error)
    assert f"--{role.replace('_', '-')}" in str(error)


@pytest.mark.parametrize(
    ("content", "part"),
    [(b"\xef\xbb\xbf" + GOOD, "mark of UTF-8"), (GOOD + b"B,1,\xff\n", "CP949")],
)
def test_a_file_that_is_not_cp949(content: bytes, part: str) -> None:
    """No byte is guessed at or left out."""
    assert part in str(refused(content, tid=TID, encoding="cp949"))


def test_a_file_that_can_not_be_read_on() -> None:
    """A disk's trouble is told as the file's, with the line."""

    class Failing(io.BytesIO):
        def readline(self, size: int | None = -1, /) -> bytes:
            if self.tell():
                raise OSError(5, "Input/output error")
            return super().readline(size)

    rows = read_settlement(Failing(GOOD), Layout(), tid=TID).rows
    with pytest.raises(UnreadableSettlement, match=r"line 2: .*Input/output error"):
        list(rows)


def test_the_error_survives_a_process_border() -> None:
    """It can be pickled, like every error of ours."""
    error = UnreadableSettlement(3, "why")
    again = pickle.loads(pickle.dumps(error))  # noqa: S301  our own
    assert (str(again), again.line, again.reason) == (str(error), 3, "why")
