"""What is known of a stranger: lists in the DNS, its names, its manners, whether it came before."""
