"""The default actor: an adult mannequin of rounded anthropometry, 175 cm tall, and how its files are made."""
