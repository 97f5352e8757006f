"""Apps of others that send where a person walks: heard as they speak, kept until he says what it was."""
