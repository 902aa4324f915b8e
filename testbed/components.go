package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	_ "time/tzdata" // CronJobs with a time zone, on machines without the data

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"go.etcd.io/etcd/server/v3/etcdmain"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/component-base/cli"
	"k8s.io/component-base/logs"
	_ "k8s.io/component-base/logs/json/register"          // --logging-format=json
	_ "k8s.io/component-base/metrics/prometheus/clientgo" // the metrics of the components' API clients
	_ "k8s.io/component-base/metrics/prometheus/version"
	kubectlcmd "k8s.io/kubectl/pkg/cmd"
	kubectlutil "k8s.io/kubectl/pkg/cmd/util"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kwokconfig "sigs.k8s.io/kwok/pkg/config"
	kwokcmd "sigs.k8s.io/kwok/pkg/kwok/cmd"
	kwoklog "sigs.k8s.io/kwok/pkg/log"
	kwoksignals "sigs.k8s.io/kwok/pkg/utils/signals"
	metricsserver "sigs.k8s.io/metrics-server/cmd/metrics-server/app"
)

// The names of the components: as commands, as processes and in the ready file.
const (
	nameEtcd              = "etcd"
	nameAPIServer         = "kube-apiserver"
	nameControllerManager = "kube-controller-manager"
	nameScheduler         = "kube-scheduler"
	nameKwok              = "kwok"
	nameMetricsServer     = "metrics-server"
)

// componentNames are the components in the order in which a cluster starts them.
var componentNames = []string{nameEtcd, nameAPIServer, nameControllerManager, nameScheduler, nameKwok, nameMetricsServer}

func etcdMain() int {
	etcdmain.Main(os.Args)
	return 0
}

func apiServerMain() int         { return runCobra(apiserver.NewAPIServerCommand()) }
func controllerManagerMain() int { return runCobra(controllermanager.NewControllerManagerCommand()) }
func schedulerMain() int         { return runCobra(scheduler.NewSchedulerCommand()) }

func runCobra(command *cobra.Command) int { return cli.Run(command) }

func kubectlMain() int {
	keepKubectlCacheInRunDir()
	if err := cli.RunNoErrOutput(kubectlcmd.NewDefaultKubectlCommand()); err != nil {
		kubectlutil.CheckErr(err) // prints it and exits
	}
	return 0
}

// keepKubectlCacheInRunDir makes kubectl keep what it has learnt about a testbed's
// API beside the testbed's kubeconfig. Its usual place, below the home directory,
// goes by the server's address, and a later testbed may have the same port.
func keepKubectlCacheInRunDir() {
	const variable = "KUBECACHEDIR"
	kubeconfig := os.Getenv("KUBECONFIG")
	for i, arg := range os.Args {
		if value, ok := strings.CutPrefix(arg, "--kubeconfig="); ok {
			kubeconfig = value
		} else if arg == "--kubeconfig" && i+1 < len(os.Args) {
			kubeconfig = os.Args[i+1]
		}
	}
	dir := filepath.Dir(kubeconfig)
	if _, err := os.Stat(filepath.Join(dir, lockName)); err == nil && os.Getenv(variable) == "" {
		os.Setenv(variable, filepath.Join(dir, "kubectl-cache"))
	}
}

func metricsServerMain() int {
	logs.InitLogs()
	defer logs.FlushLogs()
	if err := metricsserver.NewMetricsServerCommand(genericapiserver.SetupSignalHandler()).Execute(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// kwokMain does what the main function of KWOK's own command does.
func kwokMain() int {
	// Other components' packages have put a --version that is no boolean into the
	// global flag set; KWOK's command would take it over and stumble on it.
	pflag.CommandLine = pflag.NewFlagSet(nameKwok, pflag.ContinueOnError)
	flags := pflag.NewFlagSet("global", pflag.ContinueOnError)
	flags.ParseErrorsAllowlist.UnknownFlags = true
	flags.Usage = func() {}
	ctx, logger := kwoklog.InitFlags(kwoksignals.SetupSignalContext(), flags)
	ctx, err := kwokconfig.InitFlags(ctx, flags)
	if err != nil {
		logger.Error("Init config flags", "err", err)
		return 1
	}
	command := kwokcmd.NewCommand(ctx)
	command.PersistentFlags().AddFlagSet(flags)
	if err := command.ExecuteContext(ctx); err != nil {
		logger.Error("Execute exit", "err", err)
		return 1
	}
	return 0
}

// componentArgs returns the flags with which a cluster starts the component.
func (c *cluster) componentArgs(name string) []string {
	switch name {
	case nameEtcd:
		client, peer := "http://"+c.ports.address(portEtcd), "http://"+c.ports.address(portEtcdPeer)
		return []string{
			"--name=testbed",
			"--data-dir=" + c.path("etcd"),
			"--listen-client-urls=" + client, "--advertise-client-urls=" + client,
			"--listen-peer-urls=" + peer, "--initial-advertise-peer-urls=" + peer,
			"--initial-cluster=testbed=" + peer,
			// The data is thrown away at the end: it need not survive a power cut.
			"--unsafe-no-fsync",
			"--quota-backend-bytes=4294967296",
			"--auto-compaction-mode=periodic", "--auto-compaction-retention=5m",
			"--log-level=warn",
		}
	case nameAPIServer:
		return []string{
			"--etcd-servers=http://" + c.ports.address(portEtcd),
			"--bind-address=127.0.0.1", "--secure-port=" + c.ports.number(portAPIServer),
			"--advertise-address=127.0.0.1", "--endpoint-reconciler-type=none",
			"--service-cluster-ip-range=10.96.0.0/16",
			"--cert-dir=" + c.path("pki"),
			"--tls-cert-file=" + c.path("pki/serving.crt"), "--tls-private-key-file=" + c.path("pki/serving.key"),
			"--client-ca-file=" + c.path("pki/ca.crt"),
			"--token-auth-file=" + c.path("pki/tokens.csv"),
			"--authorization-mode=RBAC",
			"--authentication-config=" + c.path("config/authentication.yaml"),
			"--service-account-issuer=https://kubernetes.default.svc",
			"--service-account-key-file=" + c.path("pki/service-account.key"),
			"--service-account-signing-key-file=" + c.path("pki/service-account.key"),
			// How it identifies itself and its callers to aggregated APIs (metrics-server).
			"--requestheader-client-ca-file=" + c.path("pki/ca.crt"),
			"--requestheader-allowed-names=" + frontProxyName,
			"--requestheader-extra-headers-prefix=X-Remote-Extra-",
			"--requestheader-group-headers=X-Remote-Group",
			"--requestheader-username-headers=X-Remote-User",
			"--proxy-client-cert-file=" + c.path("pki/front-proxy.crt"), "--proxy-client-key-file=" + c.path("pki/front-proxy.key"),
			"--allow-privileged=true",
			"--max-requests-inflight=1000", "--max-mutating-requests-inflight=500",
			"--audit-policy-file=" + c.path("config/audit-policy.yaml"),
			"--audit-log-path=" + c.path("audit.log"),
			"--audit-log-mode=blocking",    // written before the answer goes out, so nothing is lost
			"--audit-log-maxsize=10000000", // MiB: never rotate (0 would mean at 100 MiB)
		}
	case nameControllerManager:
		return []string{
			"--kubeconfig=" + c.path("components/"+nameControllerManager+".kubeconfig"),
			"--leader-elect=false",
			"--bind-address=127.0.0.1", "--secure-port=0",
			"--service-account-private-key-file=" + c.path("pki/service-account.key"),
			"--root-ca-file=" + c.path("pki/ca.crt"),
			"--use-service-account-credentials=true", // each controller under its own name
			"--controllers=" + c.options.controllers,
			"--horizontal-pod-autoscaler-sync-period=" + c.options.hpaSync.String(),
			// KWOK's pods need no warming up: their usage counts from the first measurement on.
			"--horizontal-pod-autoscaler-initial-readiness-delay=0s",
			"--horizontal-pod-autoscaler-cpu-initialization-period=0s",
			"--kube-api-qps=500", "--kube-api-burst=1000",
		}
	case nameScheduler:
		return []string{
			"--config=" + c.path("config/scheduler.yaml"),
			"--bind-address=127.0.0.1", "--secure-port=0",
		}
	case nameKwok:
		return []string{
			"--kubeconfig=" + c.path("components/"+nameKwok+".kubeconfig"),
			"--config=" + c.path("config/kwok.yaml"),
			"--manage-all-nodes=true",
			"--node-ip=127.0.0.1",
			"--cidr=" + c.podNetwork.cidr, // else all pods share the address of the node
			"--node-port=" + c.ports.number(portKubelet),
			"--server-address=" + c.ports.address(portKubelet),
			"--tls-cert-file=" + c.path("pki/serving.crt"), "--tls-private-key-file=" + c.path("pki/serving.key"),
			"--enable-crds=ResourceUsage,ClusterResourceUsage",
			"--v=ERROR", // else it warns about each node without pods at every scrape
			// Without it KWOK renews no leases and the controller manager takes all nodes for dead.
			"--node-lease-duration-seconds=40",
		}
	case nameMetricsServer:
		kubeconfig := c.path("components/" + nameMetricsServer + ".kubeconfig")
		return []string{
			"--kubeconfig=" + kubeconfig,
			"--authentication-kubeconfig=" + kubeconfig, "--authorization-kubeconfig=" + kubeconfig,
			"--bind-address=127.0.0.1", "--secure-port=" + c.ports.number(portMetricsServer),
			"--tls-cert-file=" + c.path("pki/serving.crt"), "--tls-private-key-file=" + c.path("pki/serving.key"),
			"--kubelet-certificate-authority=" + c.path("pki/ca.crt"),
			"--kubelet-use-node-status-port", "--kubelet-preferred-address-types=InternalIP",
			"--kubelet-request-timeout=5s",
			"--metric-resolution=" + c.options.metricResolution.String(),
		}
	}
	panic("no component " + name)
}
