"""Requests made from the OpenAPI files, sent to sandbox and proxy: valid ones, and broken ones.

Both must answer what the files say and nothing else. A request that the file allows is never
refused for its form, unless it breaks a rule that a schema can't say (a part above the total, a day
that no calendar has); one that the file forbids is never worked.
"""
