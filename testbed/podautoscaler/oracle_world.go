package podautoscaler

import (
	"context"
	"time"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	autoscalingclient "k8s.io/client-go/kubernetes/typed/autoscaling/v2"
	scaleclient "k8s.io/client-go/scale"
	"k8s.io/client-go/tools/cache"
	metricsclient "k8s.io/kubernetes/pkg/controller/podautoscaler/metrics"
	metricsapi "k8s.io/metrics/pkg/apis/metrics/v1beta1"
	resourceclient "k8s.io/metrics/pkg/client/clientset/versioned/typed/metrics/v1beta1"
)

// oracleWorld is the cluster that the controller sees in a case: API server, metrics API and pods. What the controller
// has no reason to call is nil.
type oracleWorld struct {
	apimeta.RESTMapper
	metricsclient.MetricsClient

	scale autoscalingv1.Scale
	pods  cache.Indexer
	usage metricsapi.PodMetricsList

	written     *int32 // the count that the controller has written to the scale
	status      *autoscalingv2.HorizontalPodAutoscalerStatus
	metricsRead bool
}

func newOracleWorld(c *OracleCase) *oracleWorld {
	w := &oracleWorld{
		scale: autoscalingv1.Scale{
			ObjectMeta: metav1.ObjectMeta{Namespace: oracleNamespace, Name: oracleName},
			Spec:       autoscalingv1.ScaleSpec{Replicas: c.CurrentReplicas},
			Status:     autoscalingv1.ScaleStatus{Replicas: c.CurrentReplicas, Selector: labels.FormatLabels(OracleLabels)},
		},
		pods:  cache.NewIndexer(cache.MetaNamespaceKeyFunc, cache.Indexers{cache.NamespaceIndex: cache.MetaNamespaceIndexFunc}),
		usage: metricsapi.PodMetricsList{Items: c.Usage},
	}
	if c.Recommended != nil {
		w.scale.Status.Replicas = *c.Recommended
	}
	for _, pod := range c.Pods {
		pod.Namespace, pod.Labels = oracleNamespace, OracleLabels
		_ = w.pods.Add(pod) // fails for objects without metadata only
	}
	// The real client on our API: how usage is read is a part of the decision.
	w.MetricsClient = metricsclient.NewRESTMetricsClient(oraclePodMetrics{world: w}, nil, nil)
	return w
}

// normalized tells whether the controller came as far as windows and limits.
func (w *oracleWorld) normalized() bool {
	if w.status == nil {
		return false
	}
	for _, condition := range w.status.Conditions {
		if condition.Type == autoscalingv2.ScalingLimited {
			return true
		}
	}
	return false
}

func (w *oracleWorld) RESTMappings(kind schema.GroupKind, _ ...string) ([]*apimeta.RESTMapping, error) {
	resource := schema.GroupVersionResource{Group: kind.Group, Version: "v1", Resource: "deployments"}
	return []*apimeta.RESTMapping{{Resource: resource, GroupVersionKind: kind.WithVersion("v1"), Scope: apimeta.RESTScopeNamespace}}, nil
}

func (w *oracleWorld) Scales(string) scaleclient.ScaleInterface { return oracleScales{world: w} }

func (w *oracleWorld) HorizontalPodAutoscalers(string) autoscalingclient.HorizontalPodAutoscalerInterface {
	return oracleHPAs{world: w}
}

// GetExternalMetric has one for each replica in the scale's status.
func (w *oracleWorld) GetExternalMetric(string, string, labels.Selector) ([]int64, time.Time, error) {
	return []int64{1000 * int64(w.scale.Status.Replicas)}, time.Time{}, nil
}

type oracleScales struct {
	scaleclient.ScaleInterface
	world *oracleWorld
}

func (s oracleScales) Get(context.Context, schema.GroupResource, string, metav1.GetOptions) (*autoscalingv1.Scale, error) {
	return s.world.scale.DeepCopy(), nil
}

func (s oracleScales) Update(_ context.Context, _ schema.GroupResource, scale *autoscalingv1.Scale, _ metav1.UpdateOptions) (*autoscalingv1.Scale, error) {
	s.world.written = &scale.Spec.Replicas
	return scale, nil
}

type oracleHPAs struct {
	autoscalingclient.HorizontalPodAutoscalerInterface
	world *oracleWorld
}

func (h oracleHPAs) UpdateStatus(_ context.Context, hpa *autoscalingv2.HorizontalPodAutoscaler, _ metav1.UpdateOptions) (*autoscalingv2.HorizontalPodAutoscaler, error) {
	h.world.status = hpa.Status.DeepCopy()
	return hpa, nil
}

type oraclePodMetrics struct {
	resourceclient.PodMetricsInterface
	world *oracleWorld
}

func (p oraclePodMetrics) PodMetricses(string) resourceclient.PodMetricsInterface { return p }

func (p oraclePodMetrics) List(context.Context, metav1.ListOptions) (*metricsapi.PodMetricsList, error) {
	p.world.metricsRead = true
	return &p.world.usage, nil
}
