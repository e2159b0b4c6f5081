"""Who is kept out for a while, and how much of what each address, network and account may do."""
