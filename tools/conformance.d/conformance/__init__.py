"""Whether clients and servers keep the rules of proto/msgproc/v1/processor.proto."""
