"""Channels that go or come: where they come from, and every weight that reads them."""
