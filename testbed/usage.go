package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/tools/cache"
)

// The annotations that set what each container of a pod uses. On a Pod they are
// for that pod, on a Namespace for all its pods that have none of their own.
const (
	cpuAnnotation    = "kwok.x-k8s.io/usage-cpu"
	memoryAnnotation = "kwok.x-k8s.io/usage-memory"
)

// What a container uses when neither its pod nor its namespace says.
const (
	defaultCPU    = "1m"
	defaultMemory = "1Mi"
)

var usageResource = schema.GroupVersionResource{Group: "kwok.x-k8s.io", Version: "v1alpha1", Resource: "clusterresourceusages"}

// usageController keeps one ClusterResourceUsage per namespace, of the same name,
// that says what the namespace's pods use.
//
// One for each, because KWOK looks for the first that matches a pod and goes
// through them in no particular order: of two that match the same pod, now one
// counts and now the other.
type usageController struct {
	cluster *cluster
	written map[string][2]string // cpu and memory as written last, by namespace
}

// startUsageController runs until the context ends; it returns when the
// namespaces that exist now have their objects.
func (c *cluster) startUsageController(ctx context.Context) error {
	u := &usageController{cluster: c, written: map[string][2]string{}}
	factory := informers.NewSharedInformerFactory(c.clients, 0)
	informer := factory.Core().V1().Namespaces().Informer()
	registration, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(object any) { u.ensure(ctx, object.(*corev1.Namespace)) },
		UpdateFunc: func(_, object any) { u.ensure(ctx, object.(*corev1.Namespace)) },
		DeleteFunc: func(object any) {
			if unknown, ok := object.(cache.DeletedFinalStateUnknown); ok {
				object = unknown.Obj
			}
			if namespace, ok := object.(*corev1.Namespace); ok {
				u.remove(ctx, namespace.Name)
			}
		},
	})
	if err != nil {
		return fmt.Errorf("watching the namespaces: %w", err)
	}
	factory.Start(ctx.Done())
	return c.waitFor(ctx, "the usage objects of the first namespaces", func(context.Context) error {
		if !registration.HasSynced() {
			return fmt.Errorf("not all are written")
		}
		return nil
	})
}

// ensure writes the namespace's object when it is new or its annotations changed.
// It leaves alone what others have written into the object otherwise.
func (u *usageController) ensure(ctx context.Context, namespace *corev1.Namespace) {
	annotated := namespace.Annotations[cpuAnnotation] != "" || namespace.Annotations[memoryAnnotation] != ""
	wanted := [2]string{
		quantity(namespace, cpuAnnotation, defaultCPU),
		quantity(namespace, memoryAnnotation, defaultMemory),
	}
	written, known := u.written[namespace.Name]
	if known && written == wanted {
		return
	}
	object := usageObject(namespace.Name, wanted)
	client := u.cluster.dynamic.Resource(usageResource)
	u.retry(ctx, "writing the usage of namespace "+namespace.Name, func() error {
		_, err := client.Create(ctx, object, metav1.CreateOptions{})
		if !apierrors.IsAlreadyExists(err) {
			return err
		}
		if !known && !annotated {
			return nil // a test was faster, with one of its own
		}
		patch, err := json.Marshal(map[string]any{"spec": object.Object["spec"]})
		if err != nil {
			return err
		}
		_, err = client.Patch(ctx, namespace.Name, types.MergePatchType, patch, metav1.PatchOptions{})
		return err
	})
	u.written[namespace.Name] = wanted
}

// remove deletes the object of a namespace that is gone.
func (u *usageController) remove(ctx context.Context, namespace string) {
	delete(u.written, namespace)
	u.retry(ctx, "removing the usage of namespace "+namespace, func() error {
		err := u.cluster.dynamic.Resource(usageResource).Delete(ctx, namespace, metav1.DeleteOptions{})
		if apierrors.IsNotFound(err) {
			return nil
		}
		return err
	})
}

// retry tries for a minute, which a test may have the API server away for, and says
// so when it gives up.
func (u *usageController) retry(ctx context.Context, what string, f func() error) {
	var err error
	for range 600 {
		if err = f(); err == nil || ctx.Err() != nil {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	say("%s failed, its pods will have no right metrics: %v", what, err)
}

// quantity returns the value of a namespace's annotation, or the default when it
// is missing or no quantity.
func quantity(namespace *corev1.Namespace, annotation, otherwise string) string {
	value, ok := namespace.Annotations[annotation]
	if !ok {
		return otherwise
	}
	if _, err := resource.ParseQuantity(value); err != nil {
		say("namespace %s: annotation %s: %q is no quantity such as 250m or 64Mi; using %s", namespace.Name, annotation, value, otherwise)
		return otherwise
	}
	return value
}

// usageObject is the ClusterResourceUsage of a namespace.
func usageObject(namespace string, usage [2]string) *unstructured.Unstructured {
	// In KWOK's dialect of CEL; a value that is no quantity makes the pod's usage zero.
	expression := func(annotation, otherwise string) map[string]any {
		return map[string]any{"expression": fmt.Sprintf(
			"%[1]q in pod.metadata.annotations ? Quantity(pod.metadata.annotations[%[1]q]) : Quantity(%[2]q)", annotation, otherwise)}
	}
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": usageResource.GroupVersion().String(),
		"kind":       "ClusterResourceUsage",
		"metadata":   map[string]any{"name": namespace},
		"spec": map[string]any{
			"selector": map[string]any{"matchNamespaces": []any{namespace}},
			"usages": []any{map[string]any{"usage": map[string]any{
				"cpu":    expression(cpuAnnotation, usage[0]),
				"memory": expression(memoryAnnotation, usage[1]),
			}}},
		},
	}}
}
