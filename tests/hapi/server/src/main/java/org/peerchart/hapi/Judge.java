package org.peerchart.hapi;

import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.context.support.DefaultProfileValidationSupport;
import ca.uhn.fhir.context.support.IValidationSupport;
import ca.uhn.fhir.validation.FhirValidator;
import ca.uhn.fhir.validation.SingleValidationMessage;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.hl7.fhir.common.hapi.validation.support.CommonCodeSystemsTerminologyService;
import org.hl7.fhir.common.hapi.validation.support.InMemoryTerminologyServerValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.PrePopulatedValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.SnapshotGeneratingValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.UnknownCodeSystemWarningValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.ValidationSupportChain;
import org.hl7.fhir.common.hapi.validation.validator.FhirInstanceValidator;
import org.hl7.fhir.utilities.npm.NpmPackage;

/**
 * HL7's own validator without a network: a resource a line on standard input, what it says of it a line on
 * standard output. The arguments are FHIR packages whose profiles it is to know besides R4 itself.
 */
public final class Judge {

    private static final Set<String> KINDS = Set.of("StructureDefinition", "ValueSet", "CodeSystem");

    private Judge() {}

    public static void main(String[] packages) throws Exception {
        // What libraries print goes aside: standard output is for the answers alone.
        var out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        System.setOut(System.err);
        var json = new ObjectMapper();
        var validator = validator(List.of(packages));
        var in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            var said = new ArrayList<Map<String, String>>();
            for (SingleValidationMessage each : validator.validateWithResult(line).getMessages()) {
                said.add(Map.of(
                        "severity", String.valueOf(each.getSeverity().getCode()),
                        "id", String.valueOf(each.getMessageId()),
                        "at", String.valueOf(each.getLocationString()),
                        "words", String.valueOf(each.getMessage())));
            }
            out.println(json.writeValueAsString(said));
        }
    }

    private static FhirValidator validator(List<String> packages) throws IOException {
        var fhir = FhirContext.forR4();
        var unknown = new UnknownCodeSystemWarningValidationSupport(fhir);
        unknown.setNonExistentCodeSystemSeverity(IValidationSupport.IssueSeverity.INFORMATION);
        var chain = new ValidationSupportChain(
                new DefaultProfileValidationSupport(fhir),
                profiles(fhir, packages),
                new CommonCodeSystemsTerminologyService(fhir),
                new InMemoryTerminologyServerValidationSupport(fhir),
                new SnapshotGeneratingValidationSupport(fhir),
                unknown);
        var module = new FhirInstanceValidator(chain);
        module.setAnyExtensionsAllowed(true);
        return fhir.newValidator().registerValidatorModule(module);
    }

    private static PrePopulatedValidationSupport profiles(FhirContext fhir, List<String> packages) throws IOException {
        var support = new PrePopulatedValidationSupport(fhir);
        for (String each : packages) {
            try (var stream = new FileInputStream(each)) {
                var read = NpmPackage.fromPackage(stream);
                for (String name : read.listResources(KINDS)) {
                    support.addResource(fhir.newJsonParser().parseResource(read.load("package", name)));
                }
            }
        }
        return support;
    }
}
