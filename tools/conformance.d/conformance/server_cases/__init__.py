"""What a server must do, by rule. Each module registers its cases."""
