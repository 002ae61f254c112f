module rekey.dev/example

go 1.22

require rekey.dev/keyring v0.0.0

require github.com/golang-jwt/jwt/v5 v5.2.2 // indirect

replace rekey.dev/keyring => ../../../keyring/go
