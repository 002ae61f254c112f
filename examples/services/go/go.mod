module rekey.dev/example

go 1.22
