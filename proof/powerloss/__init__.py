"""Power loss: whatever a disk forgets that was not synced, a SQLite journal keeps its promises."""
