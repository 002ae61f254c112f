module rekey.dev/keyring-process

go 1.21

require (
	github.com/golang-jwt/jwt/v5 v5.2.2
	rekey.dev/keyring v0.0.0
)

replace rekey.dev/keyring => ../../../../keyring/go
