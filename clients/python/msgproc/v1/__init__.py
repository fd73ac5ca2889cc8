"""The contract, generated from proto/msgproc/v1 when the package is built."""
