package main

import (
	"bytes"
	"context"
	"embed"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/template"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
	kwokcrd "sigs.k8s.io/kwok/kustomize/crd"
	kwokmetrics "sigs.k8s.io/kwok/kustomize/metrics/resource"
	kwoknode "sigs.k8s.io/kwok/kustomize/stage/node/fast"
	kwokheartbeat "sigs.k8s.io/kwok/kustomize/stage/node/heartbeat-with-lease"
	kwokpod "sigs.k8s.io/kwok/kustomize/stage/pod/fast"
)

//go:embed manifests/*.yaml
var manifests embed.FS

// render fills in a file of manifests/.
func render(name string, values any) ([]byte, error) {
	t, err := template.New(name).Option("missingkey=error").ParseFS(manifests, "manifests/"+name)
	if err != nil {
		return nil, fmt.Errorf("reading the built-in manifest %s: %w", name, err)
	}
	var out bytes.Buffer
	if err := t.ExecuteTemplate(&out, name, values); err != nil {
		return nil, fmt.Errorf("filling in the built-in manifest %s: %w", name, err)
	}
	return out.Bytes(), nil
}

// kwokConfig is how KWOK plays nodes, pods and kubelets: its module's own stages
// (nodes that send heartbeats; pods that are ready at once, end when their Job
// lets them and vanish when deleted) and its kubelet endpoint of usage metrics.
func kwokConfig() ([]byte, error) {
	options, err := render("kwok-options.yaml", nil)
	if err != nil {
		return nil, err
	}
	return []byte(strings.Join([]string{
		string(options),
		kwoknode.DefaultNodeInit,
		kwokheartbeat.DefaultNodeHeartbeatWithLease,
		kwokpod.DefaultPodReady,
		kwokpod.DefaultPodComplete,
		kwokpod.DefaultPodDelete,
		kwokmetrics.DefaultMetricsResource,
	}, "\n---\n")), nil
}

// createFromFile creates the objects of a file of manifests/.
func (c *cluster) createFromFile(ctx context.Context, name string, values any) error {
	content, err := render(name, values)
	if err != nil {
		return err
	}
	return c.create(ctx, name, content)
}

// create creates the objects of a YAML stream that do not exist yet. It takes
// objects with a namespace in them for namespaced, the others for cluster-wide.
func (c *cluster) create(ctx context.Context, what string, content []byte) error {
	decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(content), 4096)
	for {
		object := &unstructured.Unstructured{}
		if err := decoder.Decode(&object.Object); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("reading the built-in manifest %s: %w", what, err)
		}
		if len(object.Object) == 0 {
			continue
		}
		resource, _ := meta.UnsafeGuessKindToResource(object.GroupVersionKind())
		_, err := c.dynamic.Resource(resource).Namespace(object.GetNamespace()).Create(ctx, object, metav1.CreateOptions{})
		if err != nil && !apierrors.IsAlreadyExists(err) {
			return fmt.Errorf("creating %s %s of %s: %w", object.GetKind(), object.GetName(), what, err)
		}
	}
}

// createKwokCRDs creates KWOK's two resources of usage and waits until they are served.
func (c *cluster) createKwokCRDs(ctx context.Context) error {
	for _, crd := range [][]byte{kwokcrd.ResourceUsage, kwokcrd.ClusterResourceUsage} {
		if err := c.create(ctx, "the KWOK module", crd); err != nil {
			return err
		}
	}
	return c.waitFor(ctx, "KWOK's CustomResourceDefinitions to be served", func(ctx context.Context) error {
		list, err := c.clients.Discovery().ServerResourcesForGroupVersion(usageResource.GroupVersion().String())
		if err != nil {
			return err
		}
		if len(list.APIResources) < 2 {
			return fmt.Errorf("only %d resources so far", len(list.APIResources))
		}
		_, err = c.dynamic.Resource(usageResource).List(ctx, metav1.ListOptions{})
		return err
	})
}

// createNodes creates the nodes that KWOK plays.
func (c *cluster) createNodes(ctx context.Context) error {
	for i := range c.options.nodes {
		err := c.createFromFile(ctx, "node.yaml", map[string]any{
			"Name":   fmt.Sprintf("node-%d", i+1),
			"CPU":    c.options.nodeCPU,
			"Memory": c.options.nodeMemory,
			"Pods":   c.options.nodePods,
			"GPUs":   c.options.nodeGPUs,
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// createMetricsAPI makes metrics.k8s.io an API that metrics-server answers.
func (c *cluster) createMetricsAPI(ctx context.Context) error {
	return c.createFromFile(ctx, "metrics-apiservice.yaml", map[string]any{
		"CABundle": base64.StdEncoding.EncodeToString(c.pki.caPEM),
		"Port":     c.ports.number(portMetricsServer),
	})
}
