"""What the specifications demand, and how much of it the tests prove. Nothing that serves requests imports this."""
