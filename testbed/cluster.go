package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/pflag"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// options are the flags of the cluster command.
type options struct {
	runDir           string
	nodes            int
	nodeCPU          string
	nodeMemory       string
	nodePods         string
	nodeGPUs         string
	podNetwork       string
	metricResolution time.Duration
	noMetrics        bool
	controllers      string
	hpaSync          time.Duration
	startTimeout     time.Duration
	stopOnStdinEOF   bool
	restart          bool
	componentFlags   []string
}

// parseOptions reads the flags; the error is pflag.ErrHelp when help was asked for.
func parseOptions(args []string) (options, error) {
	var o options
	flags := pflag.NewFlagSet("testbed cluster", pflag.ContinueOnError)
	flags.SortFlags = false
	flags.IntVar(&o.nodes, "nodes", 10, "number of simulated nodes, node-1, node-2 ...")
	flags.StringVar(&o.nodeCPU, "node-cpu", "64", "CPUs of each node")
	flags.StringVar(&o.nodeMemory, "node-memory", "512Gi", "memory of each node")
	flags.StringVar(&o.nodePods, "node-pods", "500", "number of pods that each node takes")
	flags.StringVar(&o.nodeGPUs, "node-gpus", "8", "nvidia.com/gpu of each node")
	flags.StringVar(&o.podNetwork, "pod-network", "", "network of the pods' addresses, in CIDR notation (default a free one of 127.64.0.0/16 to 127.254.0.0/16)")
	flags.DurationVar(&o.metricResolution, "metric-resolution", 10*time.Second, "how often metrics-server asks for the pods' usage (10s is its minimum)")
	flags.BoolVar(&o.noMetrics, "no-metrics", false, "start no metrics-server: a cluster without metrics.k8s.io")
	flags.StringVar(&o.controllers, "controllers", "*", "the controller manager's controllers, for instance '*,-horizontal-pod-autoscaler-controller'")
	flags.DurationVar(&o.hpaSync, "hpa-sync", 15*time.Second, "how often the HorizontalPodAutoscaler controller decides")
	flags.StringArrayVar(&o.componentFlags, "component-flag", nil, "one more flag for a component, as COMPONENT:--flag=value (repeatable)")
	flags.DurationVar(&o.startTimeout, "start-timeout", 3*time.Minute, "give up when the cluster is not ready after this time")
	flags.BoolVar(&o.stopOnStdinEOF, "stop-on-stdin-eof", false, "also stop when the standard input ends, as it does when the parent process dies")
	flags.BoolVar(&o.restart, "restart", false, "start a component again that has ended, as soon as there is no file RUN_DIR/down/COMPONENT")
	flags.Usage = func() {
		fmt.Fprintf(os.Stderr, "usage: testbed cluster RUN_DIR [flags]\n\n%s", flags.FlagUsages())
	}
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() != 1 {
		flags.Usage()
		return o, fmt.Errorf("give exactly one RUN_DIR, not %d", flags.NArg())
	}
	o.runDir = flags.Arg(0)
	if o.nodes < 1 {
		return o, fmt.Errorf("--nodes must be at least 1, not %d", o.nodes)
	}
	if o.metricResolution < 10*time.Second {
		return o, fmt.Errorf("--metric-resolution must be at least 10s: metrics-server refuses less")
	}
	for _, f := range o.componentFlags {
		if name, flag, ok := strings.Cut(f, ":"); !ok || !slices.Contains(componentNames, name) || !strings.HasPrefix(flag, "--") {
			return o, fmt.Errorf("--component-flag %q must have the form COMPONENT:--flag=value, for instance %s:--v=4", f, nameAPIServer)
		}
	}
	return o, nil
}

// cluster is a running control plane, or one that is being started.
type cluster struct {
	options    options
	dir        string
	pki        *pki
	ports      *ports
	podNetwork podNetwork
	issuer     *http.Server
	clients    kubernetes.Interface
	dynamic    dynamic.Interface
	mutex      sync.Mutex // guards the processes, which --restart changes while the cluster runs
	processes  map[string]*process
	died       chan *process // the first components that ended by themselves
	stopping   chan struct{} // closed when they are meant to end
	ready      float64       // the seconds until the cluster was ready; 0 before
}

func (c *cluster) path(name string) string { return filepath.Join(c.dir, name) }

func (c *cluster) server() string { return "https://" + c.ports.address(portAPIServer) }

// say tells the user what goes on.
func say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "testbed: "+format+"\n", args...)
}

// errStopped is the cause of a context that a signal or the end of stdin has ended.
var errStopped = errors.New("asked to stop")

// clusterMain is the supervisor. Its exit code is 0 when it was asked to stop and 1
// when the cluster did not start or a component died.
func clusterMain() int {
	o, err := parseOptions(os.Args[1:])
	if errors.Is(err, pflag.ErrHelp) {
		return 0
	} else if err != nil {
		say("%v", err)
		return 2
	}
	dir, lock, err := openRunDir(o.runDir)
	if err != nil {
		say("%v", err)
		return 1
	}
	defer lock.Close()

	ctx, stop := context.WithCancelCause(context.Background())
	defer stop(nil)
	// Somebody who reads our output no longer is no reason to die on the spot.
	signal.Ignore(syscall.SIGPIPE)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	go func() {
		s := <-signals
		// A second signal ends this process at once, and the kernel then the components.
		signal.Reset(syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
		stop(fmt.Errorf("%w by signal %q", errStopped, s))
	}()
	if o.stopOnStdinEOF {
		go func() {
			_, _ = io.Copy(io.Discard, os.Stdin)
			stop(fmt.Errorf("%w: standard input has ended", errStopped))
		}()
	}

	const attempts = 3
	for attempt := 1; ; attempt++ {
		err := runOnce(ctx, o, dir)
		var died *componentDied
		switch {
		case errors.Is(err, errStopped):
			say("stopped (%v)", err)
			return 0
		case errors.As(err, &died) && died.portTaken() && attempt < attempts:
			say("another process has taken a port of %s: starting again with other ports", died.name)
		default:
			say("FAILED: %v", err)
			return 1
		}
	}
}

// runOnce starts a cluster, runs it, and stops it whatever happens. It returns why
// it ended, which is never nil.
func runOnce(ctx context.Context, o options, dir string) (err error) {
	begin := time.Now()
	c := &cluster{
		options:   o,
		dir:       dir,
		processes: map[string]*process{},
		died:      make(chan *process, 16),
		stopping:  make(chan struct{}),
	}
	// What runs beside the start (the wait for conditions, the usage controller) ends with the cluster.
	ctx, cancel := context.WithCancelCause(ctx)
	defer func() {
		cancel(nil)
		c.stop()
	}()
	go func() {
		select {
		case p := <-c.died:
			cancel(p.failure())
		case <-ctx.Done():
		}
	}()
	startCtx, cancelStart := context.WithTimeoutCause(ctx, o.startTimeout,
		fmt.Errorf("not ready after %s (see --start-timeout)", o.startTimeout))
	defer cancelStart()
	if err := c.start(startCtx, ctx); err != nil {
		return err
	}
	seconds := time.Since(begin).Seconds()
	c.mutex.Lock()
	c.ready = seconds
	err = c.writeReady(seconds)
	c.mutex.Unlock()
	if err != nil {
		return err
	}
	fmt.Printf("ready in %.1f s: KUBECONFIG=%s\n", seconds, c.path("kubeconfig"))
	<-ctx.Done()
	return context.Cause(ctx)
}

// start brings the cluster up, step by step. The first context is for the start,
// the second for what goes on as long as the cluster runs.
func (c *cluster) start(ctx, running context.Context) error {
	if err := c.prepare(); err != nil {
		return err
	}

	// The API server waits for etcd by itself.
	if err := c.startComponent(nameEtcd, portEtcd, portEtcdPeer); err != nil {
		return err
	}
	if err := c.startComponent(nameAPIServer, portAPIServer); err != nil {
		return err
	}
	err := c.waitFor(ctx, "kube-apiserver to be ready", func(ctx context.Context) error {
		return c.clients.Discovery().RESTClient().Get().AbsPath("/readyz").Do(ctx).Error()
	})
	if err != nil {
		return err
	}
	say("kube-apiserver is ready at %s", c.server())

	for _, name := range []string{nameControllerManager, nameScheduler} {
		if err := c.startComponent(name); err != nil {
			return err
		}
	}
	if err := c.createKwokCRDs(ctx); err != nil {
		return err
	}
	if err := c.createFromFile(ctx, "kwok-rbac.yaml", nil); err != nil {
		return err
	}
	if err := c.startComponent(nameKwok, portKubelet); err != nil {
		return err
	}
	if err := c.startUsageController(running); err != nil {
		return err
	}
	if err := c.createNodes(ctx); err != nil {
		return err
	}
	if err := c.waitFor(ctx, "the nodes to be ready", c.nodesReady); err != nil {
		return err
	}
	if err := c.waitFor(ctx, "KWOK's kubelet endpoint", c.kubeletAnswers); err != nil {
		return err
	}
	say("%d nodes are ready", c.options.nodes)

	if !c.options.noMetrics {
		if err := c.createFromFile(ctx, "metrics-server-rbac.yaml", nil); err != nil {
			return err
		}
		if err := c.startComponent(nameMetricsServer, portMetricsServer); err != nil {
			return err
		}
		if err := c.createMetricsAPI(ctx); err != nil {
			return err
		}
		if err := c.waitFor(ctx, "metrics.k8s.io to be available", c.metricsAvailable); err != nil {
			return err
		}
		say("metrics.k8s.io is available")
	}
	if err := c.waitFor(ctx, "kube-apiserver to trust the OIDC issuer", c.issuerIsTrusted); err != nil {
		return err
	}
	if c.allControllers() {
		return c.waitFor(ctx, "the default ServiceAccount", func(ctx context.Context) error {
			_, err := c.clients.CoreV1().ServiceAccounts(metav1.NamespaceDefault).Get(ctx, "default", metav1.GetOptions{})
			return err
		})
	}
	return nil
}

// allControllers says whether the usual controllers run, as far as the start waits for their work.
func (c *cluster) allControllers() bool {
	return slices.Contains(strings.Split(c.options.controllers, ","), "*")
}

// prepare writes all files that the components read, and picks the ports.
func (c *cluster) prepare() error {
	err := cleanRunDir(c.dir)
	if err != nil {
		return err
	}
	if c.ports, err = pickPorts(); err != nil {
		return err
	}
	c.podNetwork = pickPodNetwork(c.options.podNetwork)
	if c.pki, err = newPKI(c.path("pki")); err != nil {
		return err
	}
	for _, user := range users {
		path := c.path("components/" + user.key + ".kubeconfig")
		if user.key == "admin" {
			path = c.path("kubeconfig")
		}
		if err := c.pki.writeKubeconfig(path, c.server(), user.name, c.pki.tokens[user.key]); err != nil {
			return err
		}
	}
	kwok, err := kwokConfig()
	if err != nil {
		return err
	}
	if err := writeFile(c.path("config/kwok.yaml"), kwok); err != nil {
		return err
	}
	if err := c.startIssuer(); err != nil {
		return err
	}
	for name, values := range map[string]any{
		"audit-policy.yaml":   nil,
		"authentication.yaml": map[string]string{"URL": c.issuerURL(), "Audience": issuerAudience, "CA": string(c.pki.caPEM)},
		"scheduler.yaml":      map[string]string{"Kubeconfig": c.path("components/" + nameScheduler + ".kubeconfig")},
	} {
		content, err := render(name, values)
		if err != nil {
			return err
		}
		if err := writeFile(c.path("config/"+name), content); err != nil {
			return err
		}
	}
	config := &rest.Config{
		Host:            c.server(),
		BearerToken:     c.pki.tokens["supervisor"],
		TLSClientConfig: rest.TLSClientConfig{CAData: c.pki.caPEM},
		QPS:             -1, // no limit
		UserAgent:       "testbed-supervisor",
	}
	if c.clients, err = kubernetes.NewForConfig(config); err != nil {
		return fmt.Errorf("making a client: %w", err)
	}
	if c.dynamic, err = dynamic.NewForConfig(config); err != nil {
		return fmt.Errorf("making a dynamic client: %w", err)
	}
	return nil
}

// startComponent starts a component, for which its ports are let go of.
func (c *cluster) startComponent(name string, kinds ...portKind) error {
	args := c.componentArgs(name)
	for _, f := range c.options.componentFlags {
		if component, flag, _ := strings.Cut(f, ":"); component == name {
			args = append(args, flag)
		}
	}
	if len(kinds) > 0 {
		c.ports.release(kinds...)
	}
	p, err := startProcess(name, args, c.environment(), c.path("log/"+name+".log"))
	if err != nil {
		return err
	}
	c.mutex.Lock()
	c.processes[name] = p
	c.mutex.Unlock()
	go func() {
		<-p.done
		select {
		case <-c.stopping:
			return
		default:
		}
		if !c.restarts() {
			c.died <- p
			return
		}
		say("%s has ended; it is started again", name)
		if err := c.startAgain(name); err != nil {
			say("%v", err)
			c.died <- p
		}
	}()
	return nil
}

// restarts says whether a component that ends now is started again.
func (c *cluster) restarts() bool {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.options.restart && c.ready > 0
}

// startAgain starts a component that has ended, with its ports and its data, when it may run, and writes the ready file
// with its new process id.
func (c *cluster) startAgain(name string) error {
	for {
		select {
		case <-c.stopping:
			return nil
		case <-time.After(100 * time.Millisecond):
		}
		if _, err := os.Stat(c.path("down/" + name)); errors.Is(err, os.ErrNotExist) {
			break
		}
	}
	if err := c.startComponent(name); err != nil {
		return err
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	select {
	case <-c.stopping: // it removes the file, or has
		return nil
	default:
		return c.writeReady(c.ready)
	}
}

// environment is what the components get of ours: nothing that would configure them.
func (c *cluster) environment() []string {
	env := slices.DeleteFunc(os.Environ(), func(variable string) bool {
		name, _, _ := strings.Cut(strings.ToUpper(variable), "=")
		return name == "HOME" || strings.HasSuffix(name, "_PROXY") ||
			strings.HasPrefix(name, "KUBE") || strings.HasPrefix(name, "ETCD_") || strings.HasPrefix(name, "KWOK_")
	})
	return append(env, "HOME="+c.dir) // KWOK would read a configuration there
}

// stop ends all components, those last that the others need. Nothing of theirs is
// worth long waiting: it takes 2 seconds at the most.
func (c *cluster) stop() {
	close(c.stopping)
	c.mutex.Lock()
	p := maps.Clone(c.processes)
	c.mutex.Unlock()
	os.Remove(c.path("ready"))
	stopProcesses(500*time.Millisecond, p[nameMetricsServer], p[nameKwok], p[nameScheduler], p[nameControllerManager])
	stopProcesses(700*time.Millisecond, p[nameAPIServer])
	// Were it stopped first, the API server would try to reach it for seconds.
	stopProcesses(300*time.Millisecond, p[nameEtcd])
	if c.ports != nil {
		c.ports.release()
	}
	c.podNetwork.release()
	if c.issuer != nil {
		c.issuer.Close()
	}
	os.RemoveAll(c.path("etcd")) // tens of megabytes; the logs stay
	os.Remove(c.path("supervisor.pid"))
}

// waitFor tries until it works or the context ends, and then says what the last
// try said.
func (c *cluster) waitFor(ctx context.Context, what string, try func(context.Context) error) error {
	var last error
	for {
		tryCtx, cancel := context.WithTimeout(ctx, 5*time.Second)
		err := try(tryCtx)
		cancel()
		if err == nil {
			return nil
		}
		if ctx.Err() == nil {
			last = err
		}
		select {
		case <-ctx.Done():
			cause := context.Cause(ctx)
			var died *componentDied
			if errors.Is(cause, errStopped) || errors.As(cause, &died) {
				return cause
			}
			return fmt.Errorf("waiting for %s: %w; the last try said: %v; see the logs in %s", what, cause, last, c.path("log"))
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// nodesReady says whether pods can be scheduled to all nodes.
func (c *cluster) nodesReady(ctx context.Context) error {
	nodes, err := c.clients.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for _, node := range nodes.Items {
		ready := slices.ContainsFunc(node.Status.Conditions, func(condition corev1.NodeCondition) bool {
			return condition.Type == corev1.NodeReady && condition.Status == corev1.ConditionTrue
		})
		// New nodes have taints that a controller takes away when they are ready.
		if !ready || (c.allControllers() && len(node.Spec.Taints) > 0) {
			return fmt.Errorf("node %s: ready: %t, taints: %d", node.Name, ready, len(node.Spec.Taints))
		}
	}
	if len(nodes.Items) < c.options.nodes {
		return fmt.Errorf("only %d of %d nodes exist", len(nodes.Items), c.options.nodes)
	}
	return nil
}

// kubeletAnswers says whether KWOK serves the kubelet endpoint, with our certificate.
func (c *cluster) kubeletAnswers(ctx context.Context) error {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(c.pki.caPEM)
	client := &http.Client{Transport: &http.Transport{
		TLSClientConfig:   &tls.Config{RootCAs: roots},
		DisableKeepAlives: true,
	}}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+c.ports.address(portKubelet)+"/healthz", nil)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("it answered %s", response.Status)
	}
	return nil
}

// metricsAvailable says whether the API server takes metrics.k8s.io for available.
func (c *cluster) metricsAvailable(ctx context.Context) error {
	apiServices := schema.GroupVersionResource{Group: "apiregistration.k8s.io", Version: "v1", Resource: "apiservices"}
	object, err := c.dynamic.Resource(apiServices).Get(ctx, "v1beta1.metrics.k8s.io", metav1.GetOptions{})
	if err != nil {
		return err
	}
	conditions, _, _ := unstructured.NestedSlice(object.Object, "status", "conditions")
	for _, condition := range conditions {
		condition, _ := condition.(map[string]any)
		if condition["type"] == "Available" && condition["status"] == "True" {
			return nil
		}
	}
	return fmt.Errorf("the conditions of APIService v1beta1.metrics.k8s.io are %v", conditions)
}
