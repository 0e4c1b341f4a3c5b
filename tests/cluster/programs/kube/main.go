// Command kube is one program that holds every Kubernetes part the test cluster runs, and kubectl.
//
// One program instead of six: they share nearly all their code, so this builds in the time of one
// and takes a sixth of the disk.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
	kubectl "k8s.io/kubectl/pkg/cmd"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllers "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	proxy "k8s.io/kubernetes/cmd/kube-proxy/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"
)

// command makes the part called name, or nil if there is none of that name.
// Only the wanted one is made: making one registers flags and metrics that another would register too.
func command(name string) *cobra.Command {
	switch name {
	case "kube-apiserver":
		return apiserver.NewAPIServerCommand()
	case "kube-controller-manager":
		return controllers.NewControllerManagerCommand()
	case "kube-scheduler":
		return scheduler.NewSchedulerCommand()
	case "kube-proxy":
		return proxy.NewProxyCommand()
	case "kubelet":
		return kubelet.NewKubeletCommand(context.Background())
	case "kubectl":
		return kubectl.NewDefaultKubectlCommand()
	}
	return nil
}

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "Usage: kube PART [ARGUMENTS]")
		os.Exit(2)
	}
	part := command(os.Args[1])
	if part == nil {
		fmt.Fprintf(os.Stderr, "Unknown part %q\n", os.Args[1])
		os.Exit(2)
	}
	// cobra reads the process's own arguments, and kubectl looks at them before cobra does.
	os.Args = os.Args[1:]
	os.Exit(cli.Run(part))
}
