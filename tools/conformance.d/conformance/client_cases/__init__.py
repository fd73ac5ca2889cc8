"""What a client must do, by rule. Each module registers its cases."""
