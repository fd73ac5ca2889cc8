"""The version that every program of ours reports."""

VERSION = "0.1.0"
