package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"time"

	"gopkg.in/inf.v0"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metricsapi "k8s.io/metrics/pkg/apis/metrics/v1beta1"

	"ai-storage-orchestrator/testbed/podautoscaler"
)

// hpaDocument is what the HPA is to decide on. Times are ages in seconds.
type hpaDocument struct {
	Spec                *specDocument   `json:"spec"`
	CurrentReplicas     *int32          `json:"current_replicas"`
	Pods                []podDocument   `json:"pods"`
	Usage               []usageDocument `json:"usage"`
	RecommendedReplicas *int32          `json:"recommended_replicas"`
	History             []pastDocument  `json:"history"` // absent is not the same as empty
	ScaleEvents         []eventDocument `json:"scale_events"`
	GPU                 json.RawMessage `json:"gpu"` // the HPA knows none
}

type specDocument struct {
	MinReplicas         int32           `json:"min_replicas"`
	MaxReplicas         int32           `json:"max_replicas"`
	TargetCPUPercent    int32           `json:"target_cpu_percent"`
	TargetMemoryPercent int32           `json:"target_memory_percent"`
	TargetGPUPercent    json.RawMessage `json:"target_gpu_percent"`
	ContainerName       string          `json:"container_name"`
	WarmUp              warmUpDocument  `json:"warm_up"`
	ScaleUpPolicy       rulesDocument   `json:"scale_up_policy"`
	ScaleDownPolicy     rulesDocument   `json:"scale_down_policy"`
	Compatibility       string          `json:"compatibility"` // the HPA is always like the HPA
}

type warmUpDocument struct {
	CPUInitializationSeconds *float64 `json:"cpu_initialization_seconds"`
	ReadinessDelaySeconds    *float64 `json:"readiness_delay_seconds"`
}

type rulesDocument struct {
	StabilizationWindowSeconds *int32           `json:"stabilization_window_seconds"`
	TolerancePercent           *float64         `json:"tolerance_percent"`
	Policies                   []policyDocument `json:"policies"`
	SelectPolicy               string           `json:"select_policy"`
}

type policyDocument struct {
	Type          string `json:"type"`
	Value         int32  `json:"value"`
	PeriodSeconds int32  `json:"period_seconds"`
}

type podDocument struct {
	Name                   string              `json:"name"`
	Phase                  string              `json:"phase"`
	Ready                  *bool               `json:"ready"`
	ReadyChangedSecondsAgo *float64            `json:"ready_changed_seconds_ago"`
	StartedSecondsAgo      *float64            `json:"started_seconds_ago"`
	Terminating            bool                `json:"terminating"`
	Requests               corev1.ResourceList `json:"requests"`
	Containers             []containerDocument `json:"containers"`
}

type containerDocument struct {
	Name     string              `json:"name"`
	Sidecar  bool                `json:"sidecar"`
	Requests corev1.ResourceList `json:"requests"`
}

type usageDocument struct {
	Pod           string                   `json:"pod"`
	AgeSeconds    float64                  `json:"age_seconds"`
	WindowSeconds float64                  `json:"window_seconds"`
	Containers    []containerUsageDocument `json:"containers"`
}

type containerUsageDocument struct {
	Name   string             `json:"name"`
	CPU    *resource.Quantity `json:"cpu"`
	Memory *resource.Quantity `json:"memory"`
}

type pastDocument struct {
	SecondsAgo float64 `json:"seconds_ago"`
	Replicas   int32   `json:"replicas"`
}

type eventDocument struct {
	SecondsAgo float64 `json:"seconds_ago"`
	Change     int32   `json:"change"`
}

const defaultTolerancePercent = 10

// clockAt turns ages into times, and remembers the first that is no age.
type clockAt struct {
	now time.Time
	err error
}

func (c *clockAt) duration(seconds float64) time.Duration {
	const century = 100 * 365 * 24 * 3600
	if (seconds < 0 || seconds > century) && c.err == nil {
		c.err = fmt.Errorf("%v seconds are not between 0 and a century", seconds)
	}
	return time.Duration(math.Round(seconds * 1e9))
}

func (c *clockAt) ago(seconds float64) time.Time { return c.now.Add(-c.duration(seconds)) }

// at returns the case that the document describes when it is read now.
func (d *hpaDocument) at(now time.Time) (podautoscaler.OracleCase, error) {
	if d.Spec == nil || d.CurrentReplicas == nil {
		return podautoscaler.OracleCase{}, errors.New("spec and current_replicas are needed")
	}
	if *d.CurrentReplicas < 0 || d.RecommendedReplicas != nil && *d.RecommendedReplicas < 0 {
		return podautoscaler.OracleCase{}, errors.New("a number of replicas is negative")
	}
	clock := &clockAt{now: now}
	c := podautoscaler.OracleCase{
		CurrentReplicas:         *d.CurrentReplicas,
		CPUInitializationPeriod: clock.duration(valueOr(d.Spec.WarmUp.CPUInitializationSeconds, 300)),
		InitialReadinessDelay:   clock.duration(valueOr(d.Spec.WarmUp.ReadinessDelaySeconds, 30)),
		Recommended:             d.RecommendedReplicas,
	}
	var err error
	if c.Spec, c.Tolerance, err = d.Spec.hpa(*d.CurrentReplicas); err != nil {
		return c, err
	}
	if len(c.Spec.Metrics) == 0 && d.RecommendedReplicas == nil {
		// The API server would set one.
		return c, errors.New("a target or recommended_replicas is needed")
	}
	for i := range d.Pods {
		c.Pods = append(c.Pods, d.Pods[i].pod(clock))
	}
	for i := range d.Usage {
		c.Usage = append(c.Usage, d.Usage[i].metrics(clock))
	}
	if d.History != nil {
		c.History = []podautoscaler.OraclePast{}
	}
	for _, past := range d.History {
		c.History = append(c.History, podautoscaler.OraclePast{Replicas: past.Replicas, At: clock.ago(past.SecondsAgo)})
	}
	for _, event := range d.ScaleEvents {
		if event.Change == math.MinInt32 {
			return c, fmt.Errorf("a change by %d is too much", event.Change)
		}
		c.Events = append(c.Events, podautoscaler.OraclePast{Replicas: event.Change, At: clock.ago(event.SecondsAgo)})
	}
	return c, clock.err
}

// hpa returns the spec, and the tolerance of the controller.
func (s *specDocument) hpa(currentReplicas int32) (autoscalingv2.HorizontalPodAutoscalerSpec, float64, error) {
	spec := autoscalingv2.HorizontalPodAutoscalerSpec{MinReplicas: &s.MinReplicas, MaxReplicas: s.MaxReplicas}
	for _, target := range []struct {
		resource corev1.ResourceName
		percent  int32
	}{{corev1.ResourceCPU, s.TargetCPUPercent}, {corev1.ResourceMemory, s.TargetMemoryPercent}} {
		switch {
		case target.percent < 0:
			return spec, 0, fmt.Errorf("a target of %d %%", target.percent)
		case target.percent > 0:
			spec.Metrics = append(spec.Metrics, metricSpec(target.resource, s.ContainerName, target.percent))
		}
	}

	// A policy that reaches every count from the current one. In a period of 0 s there are no events, so that the sum
	// does not overflow.
	unlimitedUp := autoscalingv2.HPAScalingPolicy{Type: autoscalingv2.PodsScalingPolicy, Value: math.MaxInt32 - currentReplicas}
	unlimitedDown := autoscalingv2.HPAScalingPolicy{Type: autoscalingv2.PodsScalingPolicy, Value: currentReplicas}
	up, err := s.ScaleUpPolicy.rules(0, unlimitedUp)
	if err != nil {
		return spec, 0, fmt.Errorf("scale_up_policy: %w", err)
	}
	down, err := s.ScaleDownPolicy.rules(300, unlimitedDown)
	if err != nil {
		return spec, 0, fmt.Errorf("scale_down_policy: %w", err)
	}
	spec.Behavior = &autoscalingv2.HorizontalPodAutoscalerBehavior{ScaleUp: up, ScaleDown: down}

	// The controller's own tolerance is a float64. It is that of both directions, unless the downward one differs.
	tolerance, downTolerance := s.ScaleUpPolicy.tolerance(), s.ScaleDownPolicy.tolerance()
	if tolerance < 0 || downTolerance < 0 {
		return spec, 0, errors.New("a tolerance is negative")
	}
	if tolerance != downTolerance {
		if down.Tolerance, err = quantityReadAs(downTolerance); err != nil {
			return spec, 0, err
		}
	}
	return spec, tolerance, nil
}

func (r *rulesDocument) tolerance() float64 {
	return valueOr(r.TolerancePercent, defaultTolerancePercent) / 100
}

func (r *rulesDocument) rules(defaultWindow int32, unlimited autoscalingv2.HPAScalingPolicy) (*autoscalingv2.HPAScalingRules, error) {
	window := valueOr(r.StabilizationWindowSeconds, defaultWindow)
	selectPolicy := autoscalingv2.ScalingPolicySelect(r.SelectPolicy)
	switch selectPolicy {
	case "":
		selectPolicy = autoscalingv2.MaxChangePolicySelect
	case autoscalingv2.MaxChangePolicySelect, autoscalingv2.MinChangePolicySelect, autoscalingv2.DisabledPolicySelect:
	default:
		return nil, fmt.Errorf("select_policy %q", selectPolicy)
	}
	rules := &autoscalingv2.HPAScalingRules{StabilizationWindowSeconds: &window, SelectPolicy: &selectPolicy}
	for _, policy := range r.Policies {
		kind := autoscalingv2.HPAScalingPolicyType(policy.Type)
		if kind != autoscalingv2.PodsScalingPolicy && kind != autoscalingv2.PercentScalingPolicy {
			return nil, fmt.Errorf("policy type %q", kind)
		}
		rules.Policies = append(rules.Policies, autoscalingv2.HPAScalingPolicy{Type: kind, Value: policy.Value, PeriodSeconds: policy.PeriodSeconds})
	}
	if len(rules.Policies) == 0 {
		rules.Policies = []autoscalingv2.HPAScalingPolicy{unlimited}
	}
	return rules, nil
}

func metricSpec(name corev1.ResourceName, container string, percent int32) autoscalingv2.MetricSpec {
	target := autoscalingv2.MetricTarget{Type: autoscalingv2.UtilizationMetricType, AverageUtilization: &percent}
	if container == "" {
		return autoscalingv2.MetricSpec{
			Type:     autoscalingv2.ResourceMetricSourceType,
			Resource: &autoscalingv2.ResourceMetricSource{Name: name, Target: target},
		}
	}
	return autoscalingv2.MetricSpec{
		Type:              autoscalingv2.ContainerResourceMetricSourceType,
		ContainerResource: &autoscalingv2.ContainerResourceMetricSource{Name: name, Container: container, Target: target},
	}
}

func metricName(spec *autoscalingv2.MetricSpec) string {
	if spec.ContainerResource != nil {
		return string(spec.ContainerResource.Name)
	}
	return string(spec.Resource.Name)
}

func (d *podDocument) pod(clock *clockAt) *corev1.Pod {
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: d.Name}}
	pod.Status.Phase = corev1.PodPhase(d.Phase)
	if d.Phase == "" {
		pod.Status.Phase = corev1.PodRunning
	}
	if d.Ready != nil {
		condition := corev1.PodCondition{Type: corev1.PodReady, Status: corev1.ConditionFalse}
		if *d.Ready {
			condition.Status = corev1.ConditionTrue
		}
		if d.ReadyChangedSecondsAgo != nil {
			condition.LastTransitionTime = metav1.NewTime(clock.ago(*d.ReadyChangedSecondsAgo))
		}
		pod.Status.Conditions = []corev1.PodCondition{condition}
	}
	if d.StartedSecondsAgo != nil {
		started := metav1.NewTime(clock.ago(*d.StartedSecondsAgo))
		pod.Status.StartTime = &started
	}
	if d.Terminating {
		deleted := metav1.NewTime(clock.now)
		pod.DeletionTimestamp = &deleted
	}
	if d.Requests != nil {
		pod.Spec.Resources = &corev1.ResourceRequirements{Requests: d.Requests}
	}
	for _, c := range d.Containers {
		container := corev1.Container{Name: c.Name, Resources: corev1.ResourceRequirements{Requests: c.Requests}}
		if c.Sidecar {
			always := corev1.ContainerRestartPolicyAlways
			container.RestartPolicy = &always
			pod.Spec.InitContainers = append(pod.Spec.InitContainers, container)
		} else {
			pod.Spec.Containers = append(pod.Spec.Containers, container)
		}
	}
	return pod
}

func (d *usageDocument) metrics(clock *clockAt) metricsapi.PodMetrics {
	metrics := metricsapi.PodMetrics{
		ObjectMeta: metav1.ObjectMeta{Name: d.Pod},
		Timestamp:  metav1.NewTime(clock.ago(d.AgeSeconds)),
		Window:     metav1.Duration{Duration: clock.duration(d.WindowSeconds)},
	}
	for _, c := range d.Containers {
		usage := corev1.ResourceList{}
		if c.CPU != nil {
			usage[corev1.ResourceCPU] = *c.CPU
		}
		if c.Memory != nil {
			usage[corev1.ResourceMemory] = *c.Memory
		}
		metrics.Containers = append(metrics.Containers, metricsapi.ContainerMetrics{Name: c.Name, Usage: usage})
	}
	return metrics
}

// quantityReadAs returns a quantity that the controller reads as exactly this float64. Hundredths may not be: it
// multiplies the digits by a power of ten, which rounds, and reads 57 % as 0.5700000000000001.
func quantityReadAs(value float64) (*resource.Quantity, error) {
	for scale := 2; scale < 300; scale++ {
		nearest := math.Round(value * math.Pow10(scale))
		for _, digits := range []float64{nearest, math.Nextafter(nearest, 0), math.Nextafter(nearest, math.MaxFloat64)} {
			if digits*math.Pow10(-scale) != value {
				continue
			}
			if unscaled, accuracy := big.NewFloat(digits).Int(nil); accuracy == big.Exact {
				return resource.NewDecimalQuantity(*inf.NewDecBig(unscaled, inf.Scale(scale)), resource.DecimalSI), nil
			}
		}
	}
	return nil, fmt.Errorf("no quantity is read as a tolerance of %v", value)
}

func valueOr[T any](value *T, otherwise T) T {
	if value != nil {
		return *value
	}
	return otherwise
}
