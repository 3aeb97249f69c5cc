"""Knows databases: reads a production one, writes a test one."""
