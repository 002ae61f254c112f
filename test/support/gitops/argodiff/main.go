// Compares resources as Argo CD does: what is in Git, with what is in the cluster.
//
// Standard input: a list of {"config", "live"}. Standard output: a list of whether Argo CD would show each as out of sync.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/argoproj/argo-cd/gitops-engine/pkg/diff"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

type pair struct {
	Config map[string]any `json:"config"`
	Live   map[string]any `json:"live"`
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	var pairs []pair
	if err := json.NewDecoder(os.Stdin).Decode(&pairs); err != nil {
		return err
	}
	differ := []bool{}
	for _, each := range pairs {
		config := &unstructured.Unstructured{Object: each.Config}
		live := &unstructured.Unstructured{Object: each.Live}
		compared, err := diff.Diff(config, live, diff.WithNormalizer(diff.GetNoopNormalizer()))
		if err != nil {
			return err
		}
		differ = append(differ, compared.Modified)
	}
	return json.NewEncoder(os.Stdout).Encode(differ)
}
