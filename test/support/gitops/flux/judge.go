package main

import (
	"context"
	"encoding/json"
	"io"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"github.com/fluxcd/pkg/apis/kustomize"
	"github.com/fluxcd/pkg/runtime/cel"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

type question struct {
	// Of spec.healthCheckExprs of a Kustomization.
	Expressions kustomize.HealthCheckExpressions `json:"expressions"`
	Resources   []json.RawMessage                `json:"resources"`
}

type judgement struct {
	// Without expressions.
	Kstatus string `json:"kstatus"`
	// With the expressions.
	ByExpressions string `json:"byExpressions,omitempty"`
	Error         string `json:"error,omitempty"`
}

// Answers one question from in with a list of judgements, one for each resource.
func judge(in io.Reader, out io.Writer) error {
	var asked question
	if err := json.NewDecoder(in).Decode(&asked); err != nil {
		return err
	}
	evaluator, err := cel.NewStatusEvaluator(&asked.Expressions)
	if err != nil {
		return err
	}
	judgements := []judgement{}
	for _, text := range asked.Resources {
		resource := &unstructured.Unstructured{}
		if err := resource.UnmarshalJSON(text); err != nil {
			return err
		}
		judgements = append(judgements, judgementOf(evaluator, resource))
	}
	return json.NewEncoder(out).Encode(judgements)
}

func judgementOf(evaluator *cel.StatusEvaluator, resource *unstructured.Unstructured) judgement {
	computed, err := status.Compute(resource)
	if err != nil {
		return judgement{Error: err.Error()}
	}
	evaluated, err := evaluator.Evaluate(context.Background(), resource)
	if err != nil {
		return judgement{Kstatus: computed.Status.String(), Error: err.Error()}
	}
	return judgement{Kstatus: computed.Status.String(), ByExpressions: evaluated.Status.String()}
}
