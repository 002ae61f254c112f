// Command enforcer judges the connections of one node by NetworkPolicies, with the engine of sigs.k8s.io/kube-network-policies.
// Connections reach it through the netfilter queue 100; who puts them there is said in ../enforcer.ts.
package main

import (
	"context"
	"flag"
	"os/signal"
	"syscall"
	"time"

	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"
	"sigs.k8s.io/kube-network-policies/pkg/networkpolicy"
)

func main() {
	klog.InitFlags(nil)
	kubeconfig := flag.String("kubeconfig", "", "of somebody who may list pods, namespaces and policies")
	node := flag.String("node", "", "the node whose pods it protects")
	flag.Parse()
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer cancel()
	config, err := clientcmd.BuildConfigFromFlags("", *kubeconfig)
	if err != nil {
		klog.Fatal(err)
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		klog.Fatal(err)
	}
	factory := informers.NewSharedInformerFactory(client, 0)
	core := factory.Core().V1()
	controller, err := networkpolicy.NewController(
		client, factory.Networking().V1().NetworkPolicies(), core.Namespaces(), core.Pods(), nil, nil, nil, nil,
		// with NRI off it would ask a plug-in that is not there; on, it says once that containerd has none
		networkpolicy.Config{NodeName: *node, QueueID: 100},
	)
	if err != nil {
		klog.Fatal(err)
	}
	factory.Start(ctx.Done())
	factory.WaitForCacheSync(ctx.Done())
	if err := controller.Run(ctx); err != nil {
		klog.Fatal(err)
	}
	// what it cleans up is on its way
	time.Sleep(100 * time.Millisecond)
}
