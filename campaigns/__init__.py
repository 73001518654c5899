"""Long runs of real processes under real blows; run as `python -m campaigns.…`, never installed."""
