package main

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/fluxcd/pkg/ssa"
	"github.com/fluxcd/pkg/ssa/normalize"
	"github.com/fluxcd/pkg/ssa/utils"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	group = "kustomize.toolkit.fluxcd.io"
	every = time.Second
)

// round is what one reconciliation did.
type round struct {
	// What was created or changed, such as Deployment/shop/main configured.
	Changed []string `json:"changed"`
	Error   string   `json:"error,omitempty"`
}

// The options of kustomize-controller: it undoes what was changed with kubectl, and looks away where an annotation says so.
func options() ssa.ApplyOptions {
	chosen := ssa.DefaultApplyOptions()
	chosen.ExclusionSelector = map[string]string{group + "/reconcile": "disabled", group + "/ssa": "Ignore"}
	chosen.IfNotPresentSelector = map[string]string{group + "/ssa": "IfNotPresent"}
	chosen.ForceSelector = map[string]string{group + "/force": "enabled"}
	chosen.Cleanup = ssa.ApplyCleanupOptions{
		Annotations: []string{corev1.LastAppliedConfigAnnotation},
		FieldManagers: []ssa.FieldManager{
			{Name: "kubectl", OperationType: metav1.ManagedFieldsOperationApply},
			{Name: "kubectl", OperationType: metav1.ManagedFieldsOperationUpdate},
			{Name: "before-first-apply", OperationType: metav1.ManagedFieldsOperationUpdate},
			{Name: "kustomize-controller", OperationType: metav1.ManagedFieldsOperationUpdate},
		},
		Exclusions: map[string]string{group + "/ssa": "Merge"},
	}
	return chosen
}

// Applies the objects of a file once a second, as the Kustomization apps of a namespace, until SIGTERM. It reads the file anew each
// time: what changes there is a commit. Writes a round as a line of JSON.
func apply(kubeconfig, file, namespace string, out io.Writer) error {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return err
	}
	config.QPS, config.Burst = 100, 200
	kube, err := client.New(config, client.Options{})
	if err != nil {
		return err
	}
	manager := ssa.NewResourceManager(kube, nil, ssa.Owner{Field: "kustomize-controller", Group: group})
	ends, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	lines := json.NewEncoder(out)
	ticks := time.NewTicker(every)
	defer ticks.Stop()
	for {
		done := reconcile(ends, manager, file, namespace)
		if ends.Err() != nil {
			return nil
		}
		if err := lines.Encode(done); err != nil {
			return err
		}
		select {
		case <-ends.Done():
			return nil
		case <-ticks.C:
		}
	}
}

func reconcile(ctx context.Context, manager *ssa.ResourceManager, file, namespace string) round {
	objects, err := objectsIn(file)
	if err != nil {
		return round{Error: err.Error()}
	}
	manager.SetOwnerLabels(objects, "apps", namespace)
	done, err := manager.ApplyAllStaged(ctx, objects, options())
	result := round{Changed: []string{}}
	if done != nil {
		for _, entry := range done.Entries {
			if entry.Action != ssa.UnchangedAction && entry.Action != ssa.SkippedAction {
				result.Changed = append(result.Changed, entry.String())
			}
		}
	}
	if err != nil {
		result.Error = err.Error()
	}
	return result
}

func objectsIn(file string) ([]*unstructured.Unstructured, error) {
	text, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer text.Close()
	objects, err := utils.ReadObjects(text)
	if err != nil {
		return nil, err
	}
	return objects, normalize.UnstructuredList(objects)
}
