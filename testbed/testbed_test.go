package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/yaml"
)

func TestParseOptions(t *testing.T) {
	o, err := parseOptions([]string{"dir", "--nodes=3", "--component-flag=etcd:--x=a:b"})
	if err != nil || o.runDir != "dir" || o.nodes != 3 || o.componentFlags[0] != "etcd:--x=a:b" {
		t.Fatalf("got %+v, %v", o, err)
	}
	for want, args := range map[string][]string{
		"exactly one RUN_DIR": {},
		"at least 1":          {"dir", "--nodes=0"},
		"at least 10s":        {"dir", "--metric-resolution=5s"},
		"COMPONENT:--flag":    {"dir", "--component-flag=nothing:--x"},
	} {
		if _, err := parseOptions(args); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: got error %v, want one with %q", args, err, want)
		}
	}
}

func TestPortsAreHeldAndInRange(t *testing.T) {
	seen := map[int]bool{}
	for range 20 {
		p, err := pickPorts()
		if err != nil {
			t.Fatal(err)
		}
		defer p.release()
		for kind, number := range p.numbers {
			if number < firstPort || number > lastPort || seen[number] {
				t.Errorf("port %d for %s is out of range or given out twice", number, kind)
			}
			seen[number] = true
		}
	}
}

func TestPodNetworksDiffer(t *testing.T) {
	seen := map[string]bool{}
	for range 20 {
		n := pickPodNetwork("")
		defer n.release()
		if seen[n.cidr] {
			t.Errorf("%s given out twice", n.cidr)
		}
		seen[n.cidr] = true
	}
}

func TestPKI(t *testing.T) {
	dir := t.TempDir()
	p, err := newPKI(dir)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, "serving.crt"), filepath.Join(dir, "serving.key"))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(p.caPEM)
	for _, name := range []string{"127.0.0.1", "localhost", "metrics-server.kube-system.svc"} {
		if _, err := pair.Leaf.Verify(x509.VerifyOptions{DNSName: name, Roots: roots}); err != nil {
			t.Errorf("serving certificate for %s: %v", name, err)
		}
	}
	path := filepath.Join(dir, "kubeconfig")
	if err := p.writeKubeconfig(path, "https://127.0.0.1:1", "admin", p.tokens["admin"]); err != nil {
		t.Fatal(err)
	}
	config, err := clientcmd.BuildConfigFromFlags("", path)
	if err != nil || config.BearerToken != p.tokens["admin"] || !bytes.Equal(config.CAData, p.caPEM) {
		t.Errorf("kubeconfig: %+v, %v", config, err)
	}
	err = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		if info, err := entry.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: mode %v, %v; want 0600", path, info.Mode(), err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestRunDir(t *testing.T) {
	dir, lock, err := openRunDir(filepath.Join(t.TempDir(), "new"))
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	if _, _, err := openRunDir(dir); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("a folder in use: got error %v", err)
	}
	foreign := t.TempDir()
	if err := os.WriteFile(filepath.Join(foreign, "letter.txt"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := openRunDir(foreign); err == nil || !strings.Contains(err.Error(), "not a testbed's") {
		t.Errorf("somebody else's folder: got error %v", err)
	}
}

func TestUsageOfNamespace(t *testing.T) {
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		Name:        "demo",
		Annotations: map[string]string{cpuAnnotation: "250m", memoryAnnotation: "much"},
	}}
	if got := quantity(namespace, cpuAnnotation, defaultCPU); got != "250m" {
		t.Errorf("cpu: got %s", got)
	}
	if got := quantity(namespace, memoryAnnotation, defaultMemory); got != defaultMemory {
		t.Errorf("memory that is no quantity: got %s", got)
	}
	namespaces, _, err := unstructured.NestedStringSlice(usageObject("demo", [2]string{"1", "2"}).Object, "spec", "selector", "matchNamespaces")
	if err != nil || len(namespaces) != 1 || namespaces[0] != "demo" {
		t.Errorf("matchNamespaces: got %v, %v", namespaces, err)
	}
}

func TestManifestsRender(t *testing.T) {
	kwok, err := kwokConfig()
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(kwok), "\nkind: Stage"); n != 5 {
		t.Errorf("KWOK's configuration has %d stages, want 5", n)
	}
	node, err := render("node.yaml", map[string]any{"Name": "node-1", "CPU": "64", "Memory": "512Gi", "Pods": "500", "GPUs": "8"})
	if err != nil {
		t.Fatal(err)
	}
	var object corev1.Node
	if err := yaml.UnmarshalStrict(node, &object); err != nil {
		t.Fatal(err)
	}
	if got := object.Status.Allocatable["nvidia.com/gpu"]; got.String() != "8" {
		t.Errorf("GPUs: got %s", got.String())
	}
	if _, err := render("node.yaml", map[string]any{"Name": "node-1"}); err == nil {
		t.Error("a missing value is no error")
	}
}

func TestPortsCanBeTaken(t *testing.T) {
	p, err := pickPorts()
	if err != nil {
		t.Fatal(err)
	}
	defer p.release()
	listener := p.take(portIssuer)
	defer listener.Close()
	p.release(portIssuer)
	if _, err := net.Dial("tcp4", p.address(portIssuer)); err != nil {
		t.Errorf("nobody listens on a port that was taken and not released: %v", err)
	}
}
