// Unique numbers with Curator's DistributedAtomicLong, one after the other; prints numbers per second. Arguments: servers, path, count.
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.curator.framework.recipes.atomic.DistributedAtomicLong;
import org.apache.curator.retry.RetryNTimes;

public class CuratorNumbers {
  public static void main(String[] args) throws Exception {
    CuratorFramework client = CuratorFrameworkFactory.newClient(args[0], 10_000, 15_000, new RetryNTimes(10, 50));
    client.start();
    client.blockUntilConnected();
    DistributedAtomicLong number = new DistributedAtomicLong(client, args[1], new RetryNTimes(10, 0));
    int count = Integer.parseInt(args[2]);
    for (int turn = 0; turn < count / 10; turn += 1) number.increment();
    long started = System.nanoTime();
    for (int turn = 0; turn < count; turn += 1) number.increment();
    System.out.println(count / ((System.nanoTime() - started) / 1e9));
    System.exit(0);
  }
}
