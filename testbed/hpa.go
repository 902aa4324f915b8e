package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"ai-storage-orchestrator/testbed/podautoscaler"
)

// The controller reads the clock several times per decision. What takes longer is decided once more, so that no age of
// a document grows over a bound meanwhile.
const (
	slowDecision = 50 * time.Millisecond
	maxDecisions = 20
)

// hpaLine is the answer to one line of the input: the decision, or why there is none.
type hpaLine struct {
	Line  int    `json:"line"`
	Error string `json:"error,omitempty"`
	*hpaDecision
}

type hpaDecision struct {
	DesiredReplicas     int32       `json:"desired_replicas"`
	RecommendedReplicas *int32      `json:"recommended_replicas"`
	Metrics             []hpaMetric `json:"metrics"`
}

type hpaMetric struct {
	Name               string  `json:"name"`
	UtilizationPercent *int32  `json:"utilization_percent"`
	ProposedReplicas   *int32  `json:"proposed_replicas"`
	Error              *string `json:"error"`
}

// hpaMain lets Kubernetes' HPA decide on documents, one per line.
func hpaMain() int {
	if err := decideLines(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "testbed hpa:", err)
		return 1
	}
	return 0
}

func decideLines(in io.Reader, out io.Writer) error {
	reader, writer := bufio.NewReaderSize(in, 1<<16), bufio.NewWriter(out)
	encoder := json.NewEncoder(writer)
	for number := 1; ; number++ {
		line, err := reader.ReadBytes('\n')
		if err == io.EOF && len(line) == 0 {
			return nil
		}
		if err != nil && err != io.EOF {
			return err
		}
		answer := hpaLine{Line: number}
		if answer.hpaDecision, err = decideLine(line); err != nil {
			answer.Error = err.Error()
		}
		if err := encoder.Encode(answer); err != nil {
			return err
		}
		if err := writer.Flush(); err != nil {
			return err
		}
	}
}

func decideLine(line []byte) (decision *hpaDecision, err error) {
	decoder := json.NewDecoder(bytes.NewReader(line))
	decoder.DisallowUnknownFields()
	var document hpaDocument
	if err := decoder.Decode(&document); err == io.EOF {
		return nil, errors.New("an empty line")
	} else if err != nil {
		return nil, err
	}
	if _, err := decoder.Token(); err != io.EOF {
		return nil, errors.New("more than one document in a line")
	}
	defer func() {
		if panicked := recover(); panicked != nil {
			decision, err = nil, fmt.Errorf("the controller panicked: %v", panicked)
		}
	}()
	for range maxDecisions {
		now := time.Now()
		input, err := document.at(now)
		if err != nil {
			return nil, err
		}
		decided := podautoscaler.OracleDecide(input)
		if time.Since(now) < slowDecision {
			return newDecision(&input, &decided), nil
		}
	}
	return nil, fmt.Errorf("%d decisions took longer than %v each", maxDecisions, slowDecision)
}

func newDecision(input *podautoscaler.OracleCase, decided *podautoscaler.OracleDecision) *hpaDecision {
	decision := &hpaDecision{
		DesiredReplicas:     decided.DesiredReplicas,
		RecommendedReplicas: decided.Recommended,
		Metrics:             []hpaMetric{},
	}
	for i, metric := range decided.Metrics {
		answer := hpaMetric{
			Name:               metricName(&input.Spec.Metrics[i]),
			UtilizationPercent: metric.Utilization,
			ProposedReplicas:   metric.Proposed,
		}
		if metric.Err != nil {
			text := metric.Err.Error()
			answer.Error = &text
		}
		decision.Metrics = append(decision.Metrics, answer)
	}
	return decision
}
