"""The tables in which a target keeps what is done."""

LEDGER = """
CREATE SCHEMA provisioner;
CREATE TABLE provisioner.plan (
    fingerprint text PRIMARY KEY, plan text NOT NULL,
    begun_at timestamptz NOT NULL DEFAULT now(), finished_at timestamptz);
CREATE TABLE provisioner.shard (
    tree integer, shard integer, rows bigint NOT NULL,
    loaded_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (tree, shard));
CREATE TABLE provisioner.step (
    number integer PRIMARY KEY, done_at timestamptz NOT NULL DEFAULT now());
"""
DROPPED = """
CREATE TABLE provisioner.dropped (
    number integer PRIMARY KEY, kind text NOT NULL, schema text NOT NULL, name text NOT NULL,
    statement text NOT NULL);
"""
