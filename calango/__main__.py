from calango.cli import main

main()
