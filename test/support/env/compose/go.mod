// The parser of docker compose, as a reader of .env files in tests. Nothing of it is part of rekey.
module rekey.dev/test/compose

go 1.25.0

require github.com/compose-spec/compose-go/v2 v2.16.2

require (
	github.com/sirupsen/logrus v1.10.1 // indirect
	go.yaml.in/yaml/v3 v3.0.6 // indirect
	golang.org/x/sys v0.13.0 // indirect
)
