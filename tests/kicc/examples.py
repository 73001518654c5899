"""The manual's example of spec 4, as arguments and as answers."""

import json
from typing import Any

from netcancel.kicc import Expected, RawAnswer

PAYMENT: dict[str, Any] = {
    "tid": "T123456789",
    "svc_id": "SVC_SIMPLE",
    "bizr_no": "1234567890",
    "merc_trx_no": "ORD_20231225_0001",
    "token_key": "TOKEN_ABC123XYZ...",
    "alot_month": "00",
    "trx_amt": 10000,
    "vat_amt": 909,
    "svc_amt": 0,
    "tran_dt": "20231225",
    "tran_tm": "120000",
}

CANCEL: dict[str, Any] = {name: value for name, value in PAYMENT.items() if name != "token_key"} | {
    "merc_trx_no": "CANCEL_20231225_0001",
    "wcc": "G",
    "cnd_trx_no": "ORD_20231225_0001",
    "tran_dt": "20231226",
    "tran_tm": "100000",
    "org_aprv_dt": "20231225",
    "org_aprv_no": "12345678",
}

NET_CANCEL_BODY = (
    b'{"tid":"T123456789","svcId":"SVC_SIMPLE","bizrNo":"1234567890",'
    b'"mercTrxNo":"ORD_20231225_0001","tokenKey":"TOKEN_ABC123XYZ...","alotMonth":"00",'
    b'"trxAmt":10000,"vatAmt":909,"svcAmt":0,"tranDt":"20231225","tranTm":"120000"}'
)

ECHO: dict[str, Any] = {
    "tid": "T123456789",
    "svcId": "SVC_SIMPLE",
    "bizrNo": "1234567890",
    "mercTrxNo": "ORD_20231225_0001",
}

APPROVED: dict[str, Any] = {
    "respCd": "0000",
    "respMsg": "Success",
    **ECHO,
    "trxAmt": 10000,
    "aprvNo": "12345678",
    "aprvDt": "20231225",
    "vanTrxNo": "V2023122500001",
    "trxDt": "20231225",
    "trxTm": "120005",
    "cardConfirmNo": "1234-56**-****-1234",
}

VOIDED: dict[str, Any] = {
    "respCd": "0000",
    "respMsg": "Net-Cancel Success",
    **ECHO,
    "trxDt": "20231225",
    "trxTm": "120005",
    "cardConfirmNo": "1234-56**-****-1234",
}


def expected(**changes: Any) -> Expected:
    """Expect the example's echo."""
    names = ("tid", "svc_id", "bizr_no", "merc_trx_no", "trx_amt", "token_key")
    return Expected(**{name: PAYMENT[name] for name in names} | changes)


def answer(body: bytes | dict[str, Any], status: int = 200, **headers: str) -> RawAnswer:
    """Make a whole answer; a dict is written as JSON."""
    raw = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
    named = {"content-type": "application/json; charset=utf-8"} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    return RawAnswer(status, tuple((k.encode(), v.encode()) for k, v in named.items()), raw)
