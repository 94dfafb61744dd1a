import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import io.strimzi.api.kafka.model.kafka.Kafka;
import io.strimzi.api.kafka.model.nodepool.KafkaNodePool;
import io.strimzi.api.kafka.model.topic.KafkaTopic;
import io.strimzi.api.kafka.model.user.KafkaUser;
import java.io.File;
import java.lang.reflect.Method;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Reads Strimzi's resources with Strimzi's own classes. Prints unknown fields and kinds, and exits with 1 if there are any. */
class Check {
    static final Map<String, Class<?>> KINDS = Map.of("Kafka", Kafka.class, "KafkaNodePool", KafkaNodePool.class,
        "KafkaTopic", KafkaTopic.class, "KafkaUser", KafkaUser.class);
    static final List<String> unknown = new ArrayList<>();

    public static void main(String[] files) throws Exception {
        ObjectMapper mapper = new ObjectMapper(new YAMLFactory());
        int count = 0;
        for (Map<?, ?> document : mapper.readerFor(Map.class).<Map<?, ?>>readValues(new File(files[0])).readAll()) {
            Class<?> kind = KINDS.get(document.get("kind"));
            String name = document.get("kind") + " " + ((Map<?, ?>) document.get("metadata")).get("name");
            if (kind == null) {
                unknown.add(name);
            } else {
                collect(mapper.convertValue(document, kind), name);
            }
            count++;
        }
        unknown.forEach(path -> System.err.println("unknown to Strimzi: " + path));
        System.out.print(count + " read by Strimzi's classes");
        System.exit(unknown.isEmpty() ? 0 : 1);
    }

    /** Collects unknown fields, which Strimzi's classes store in `additionalProperties`. */
    static void collect(Object value, String path) throws Exception {
        if (value instanceof Iterable<?> list) {
            for (Object item : list) collect(item, path);
        } else if (value != null && value.getClass().getName().startsWith("io.strimzi.")) {
            for (Method method : value.getClass().getMethods()) {
                boolean reads = method.getName().startsWith("get") && method.getParameterCount() == 0;
                if (!reads || method.getDeclaringClass() == Object.class || value instanceof Enum) continue;
                Object found = method.invoke(value);
                if (method.getName().equals("getAdditionalProperties")) {
                    ((Map<?, ?>) found).keySet().forEach(key -> unknown.add(path + "." + key));
                } else {
                    collect(found, path + "." + method.getName().substring(3));
                }
            }
        }
    }
}
