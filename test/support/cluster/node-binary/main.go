// Command node holds the two Kubernetes programs of a real node, kubelet and
// kube-proxy. The part is chosen by the first argument. It is a program of its
// own, so that whoever needs only a control plane does not build it.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"k8s.io/component-base/cli"
	proxy "k8s.io/kubernetes/cmd/kube-proxy/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"
)

var parts = map[string]func() *cobra.Command{
	"kubelet":    func() *cobra.Command { return kubelet.NewKubeletCommand(context.Background()) },
	"kube-proxy": proxy.NewProxyCommand,
}

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: node kubelet|kube-proxy [flags]")
		os.Exit(2)
	}
	name := os.Args[1]
	os.Args = os.Args[1:]
	command, known := parts[name]
	if !known {
		fmt.Fprintf(os.Stderr, "node: unknown part %q\n", name)
		os.Exit(2)
	}
	os.Exit(cli.Run(command()))
}
