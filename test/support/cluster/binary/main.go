// Command controlplane holds every part of a small Kubernetes control plane in
// one program: etcd, kube-apiserver, kube-controller-manager, kube-scheduler
// and kubectl, and pki, which writes the certificates they need. The part is
// chosen by the first argument. One binary shares the code that the parts have
// in common, so it builds in one go and is a fraction of the size of five.
package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	kubectl "k8s.io/kubectl/pkg/cmd"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
)

var parts = map[string]func() *cobra.Command{
	"kube-apiserver":          apiserver.NewAPIServerCommand,
	"kube-controller-manager": controllermanager.NewControllerManagerCommand,
	"kube-scheduler":          func() *cobra.Command { return scheduler.NewSchedulerCommand() },
	"kubectl":                 kubectl.NewDefaultKubectlCommand,
}

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: controlplane etcd|kube-apiserver|kube-controller-manager|kube-scheduler|kubectl|pki [flags]")
		os.Exit(2)
	}
	name := os.Args[1]
	os.Args = os.Args[1:]
	if name == "etcd" {
		etcdmain.Main(os.Args)
		return
	}
	if name == "pki" {
		if err := runPKI(os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, "controlplane pki:", err)
			os.Exit(1)
		}
		return
	}
	command, known := parts[name]
	if !known {
		fmt.Fprintf(os.Stderr, "controlplane: unknown part %q\n", name)
		os.Exit(2)
	}
	os.Exit(cli.Run(command()))
}
