// What Flux does, by Flux's own libraries: applies files again and again (apply.go), and judges statuses (judge.go).
package main

import (
	"fmt"
	"os"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) == 1 && args[0] == "judge":
		return judge(os.Stdin, os.Stdout)
	case len(args) == 4 && args[0] == "apply":
		return apply(args[1], args[2], args[3], os.Stdout)
	}
	return fmt.Errorf("usage: flux judge | flux apply KUBECONFIG FILE NAMESPACE")
}
