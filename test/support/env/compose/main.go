// Prints what docker compose reads from each file of a folder, as env_file and as its own .env: a line of JSON each, values in
// base64, null if it refuses the file or the two ways differ.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"

	"github.com/compose-spec/compose-go/v2/dotenv"
)

func main() {
	files, err := filepath.Glob(filepath.Join(os.Args[1], "*"))
	if err != nil {
		panic(err)
	}
	for _, file := range files {
		line, err := json.Marshal(read(file))
		if err != nil {
			panic(err)
		}
		fmt.Println(string(line))
	}
}

func read(file string) map[string][]byte {
	own, err := dotenv.GetEnvFromFile(map[string]string{}, []string{file})
	if err != nil {
		return nil
	}
	content, err := os.ReadFile(file)
	if err != nil {
		return nil
	}
	services := map[string]string{}
	nothing := func(string) (string, bool) { return "", false }
	if err := dotenv.ParseWithFormat(bytes.NewReader(content), file, services, nothing, ""); err != nil {
		return nil
	}
	if !reflect.DeepEqual(own, services) {
		return nil
	}
	values := map[string][]byte{}
	for name, value := range own {
		values[name] = []byte(value)
	}
	return values
}
