// Package podautoscaler lets Kubernetes' HorizontalPodAutoscaler controller decide on one case at a time, without a
// cluster. Of ours are only the files oracle*.go: ../go.sh puts the controller's own beside them.
package podautoscaler

import (
	"context"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/record"
	"k8s.io/klog/v2"
	"k8s.io/kubernetes/pkg/controller/podautoscaler/monitor"
	consistencyutil "k8s.io/kubernetes/pkg/controller/util/consistency"
	"k8s.io/kubernetes/pkg/controller/util/selectors"
	metricsapi "k8s.io/metrics/pkg/apis/metrics/v1beta1"
)

const (
	oracleNamespace = "default"
	oracleName      = "oracle"
)

// OracleLabels are what the pods of a case are found by.
var OracleLabels = map[string]string{"app": oracleName}

// OracleCase is all that one decision depends on.
type OracleCase struct {
	Spec                    autoscalingv2.HorizontalPodAutoscalerSpec
	CurrentReplicas         int32
	Tolerance               float64 // where the behavior has none
	CPUInitializationPeriod time.Duration
	InitialReadinessDelay   time.Duration
	Pods                    []*v1.Pod
	Usage                   []metricsapi.PodMetrics
	// Recommended takes the place of what the metrics recommend.
	Recommended *int32
	// History is nil before the first decision ever.
	History []OraclePast
	// Events have the change in Replicas.
	Events []OraclePast
}

// OraclePast is a number of replicas at a time.
type OraclePast struct {
	Replicas int32
	At       time.Time
}

// OracleDecision is what the controller made of a case.
type OracleDecision struct {
	DesiredReplicas int32
	// Recommended is what went into the windows, nil if nothing did.
	Recommended *int32
	// Metrics are those of the spec, in its order.
	Metrics []OracleMetric
}

// OracleMetric is all nil if the metrics were not looked at.
type OracleMetric struct {
	Utilization *int32
	Proposed    *int32
	Err         error
}

// OracleDecide runs one reconciliation of a new controller.
func OracleDecide(c OracleCase) OracleDecision {
	ctx := klog.NewContext(context.Background(), klog.New(nil))
	hpa := &autoscalingv2.HorizontalPodAutoscaler{
		ObjectMeta: metav1.ObjectMeta{Namespace: oracleNamespace, Name: oracleName},
		Spec:       c.Spec,
	}
	hpa.Spec.ScaleTargetRef = autoscalingv2.CrossVersionObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Name: oracleName}
	if c.Recommended != nil {
		hpa.Spec.Metrics = []autoscalingv2.MetricSpec{oracleRecommendation()}
	}
	key := oracleNamespace + "/" + oracleName
	world := newOracleWorld(&c)
	controller := newOracleController(&c, world)
	controller.selectorTracker.PutIfAbsent(oracleNamespace, selectors.Parse(key), labels.Nothing())
	if c.History != nil {
		controller.recommendations[key] = []timestampedRecommendation{}
	}
	for _, past := range c.History {
		controller.recommendations[key] = append(controller.recommendations[key], timestampedRecommendation{past.Replicas, past.At})
	}
	for _, past := range c.Events {
		if past.Replicas > 0 {
			controller.scaleUpEvents[key] = append(controller.scaleUpEvents[key], timestampedScaleEvent{past.Replicas, past.At, false})
		} else if past.Replicas < 0 {
			controller.scaleDownEvents[key] = append(controller.scaleDownEvents[key], timestampedScaleEvent{-past.Replicas, past.At, false})
		}
	}

	// Its error says no more than the metrics' errors do.
	_ = controller.reconcileAutoscaler(ctx, hpa, key)

	decision := OracleDecision{DesiredReplicas: c.CurrentReplicas, Metrics: make([]OracleMetric, len(c.Spec.Metrics))}
	if world.written != nil {
		decision.DesiredReplicas = *world.written
	}
	if world.normalized() {
		decision.Recommended = latestRecommendation(controller.recommendations[key])
	}
	if world.metricsRead && c.Recommended == nil {
		// Proposals of single metrics are not kept anywhere: they are made once more.
		selector := labels.SelectorFromSet(OracleLabels)
		for i, spec := range hpa.Spec.Metrics {
			decision.Metrics[i] = controller.oracleMetric(ctx, hpa, spec, c.CurrentReplicas, selector)
		}
	}
	return decision
}

func (a *HorizontalController) oracleMetric(ctx context.Context, hpa *autoscalingv2.HorizontalPodAutoscaler,
	spec autoscalingv2.MetricSpec, replicas int32, selector labels.Selector) OracleMetric {
	var status autoscalingv2.MetricStatus
	proposed, _, _, _, err := a.computeReplicasForMetric(ctx, hpa, spec, replicas, replicas, selector, &status)
	if err != nil {
		return OracleMetric{Err: err}
	}
	metric := OracleMetric{Proposed: &proposed}
	switch {
	case status.Resource != nil:
		metric.Utilization = status.Resource.Current.AverageUtilization
	case status.ContainerResource != nil:
		metric.Utilization = status.ContainerResource.Current.AverageUtilization
	}
	return metric
}

// latestRecommendation returns the one recorded last, which may have taken the place of any older one.
func latestRecommendation(recommendations []timestampedRecommendation) *int32 {
	var latest *timestampedRecommendation
	for i := range recommendations {
		if latest == nil || !recommendations[i].timestamp.Before(latest.timestamp) {
			latest = &recommendations[i]
		}
	}
	if latest == nil {
		return nil
	}
	return &latest.recommendation
}

// oracleRecommendation is a metric whose proposal is the number of replicas in the scale's status, as oracleWorld's
// external metric reads one per replica. The ratio is exactly 1, which is within any tolerance; for no replicas it is
// no number, and the metric's sum, nothing, proposes 0.
func oracleRecommendation() autoscalingv2.MetricSpec {
	return autoscalingv2.MetricSpec{
		Type: autoscalingv2.ExternalMetricSourceType,
		External: &autoscalingv2.ExternalMetricSource{
			Metric: autoscalingv2.MetricIdentifier{Name: oracleName, Selector: &metav1.LabelSelector{}},
			Target: autoscalingv2.MetricTarget{Type: autoscalingv2.AverageValueMetricType, AverageValue: resource.NewQuantity(1, resource.DecimalSI)},
		},
	}
}

// newOracleController leaves out what only a controller that runs needs: informers, queue, event sink.
func newOracleController(c *OracleCase, world *oracleWorld) *HorizontalController {
	pods := corelisters.NewPodLister(world.pods)
	return &HorizontalController{
		scaleNamespacer:  world,
		hpaNamespacer:    world,
		mapper:           world,
		tolerance:        c.Tolerance,
		replicaCalc:      NewReplicaCalculator(world, pods, c.CPUInitializationPeriod, c.InitialReadinessDelay),
		eventRecorder:    &record.FakeRecorder{}, // without a channel it drops them
		monitor:          monitor.New(),
		podLister:        pods,
		recommendations:  map[string][]timestampedRecommendation{},
		scaleUpEvents:    map[string][]timestampedScaleEvent{},
		scaleDownEvents:  map[string][]timestampedScaleEvent{},
		selectorTracker:  newHPASelectorStore(),
		consistencyStore: consistencyutil.NewNoopConsistencyStore(),
	}
}
